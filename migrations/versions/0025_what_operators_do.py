"""What operators do about members, in a log that only grows; who may invite nobody; what else can be reported, also by guests."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

KINDS = ("suspended", "lifted", "silenced", "unsilenced", "settled")
THINGS = ("member", "invitation", "message", "post", "comment", "introduction", "mail")
DECISIONS = ("", "nothing", "acted", "elsewhere")
STAYS = "The log of what operators do cannot be changed."
FIXED = ("number", "at", "kind", "until", "member_seal", "operator_seal", "digest")
EMPTIED = {"member_id": "NULL", "reason": "''", "member_salt": "''", "operator_id": "NULL", "operator_salt": "''"}


def changed(differs):
    fixed = [f"NEW.{name} {differs} OLD.{name}" for name in FIXED]
    emptied = [f"(NEW.{name} {differs} OLD.{name} AND NEW.{name} {differs} {empty})" for name, empty in EMPTIED.items()]
    return " OR ".join([*fixed, *emptied])


SQLITE = (
    f"CREATE TRIGGER act_update BEFORE UPDATE ON act WHEN {changed('IS NOT')} BEGIN SELECT RAISE(ABORT, '{STAYS}'); END",
    f"CREATE TRIGGER act_delete BEFORE DELETE ON act BEGIN SELECT RAISE(ABORT, '{STAYS}'); END",
)
POSTGRESQL = (
    f"CREATE FUNCTION act_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{STAYS}'; END $$",
    f"CREATE TRIGGER act_update BEFORE UPDATE ON act FOR EACH ROW WHEN ({changed('IS DISTINCT FROM')}) EXECUTE FUNCTION act_stays()",
    "CREATE TRIGGER act_delete BEFORE DELETE ON act FOR EACH ROW EXECUTE FUNCTION act_stays()",
)


def upgrade():
    op.create_table(
        "act",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("member_salt", sa.String(length=32), server_default="", nullable=False),
        sa.Column("member_seal", sa.String(length=64), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=True),
        sa.Column("operator_salt", sa.String(length=32), server_default="", nullable=False),
        sa.Column("operator_seal", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.CheckConstraint(f"kind IN {KINDS}", name=op.f("act_kind")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("act_member_id_fkey"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["operator_id"], ["member.id"], name=op.f("act_operator_id_fkey"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("number", name=op.f("act_pkey")),
    )
    for name in ("member_id", "operator_id"):
        op.create_index(op.f(f"act_{name}_index"), "act", [name], unique=False)
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)
    op.add_column("member", sa.Column("silenced_until", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("report") as batch:
        batch.alter_column("by_id", existing_type=sa.Integer(), nullable=True)
        batch.add_column(sa.Column("what", sa.String(length=12), server_default="member", nullable=False))
        batch.add_column(sa.Column("invitation_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("decision", sa.String(length=10), server_default="", nullable=False))
        batch.add_column(sa.Column("decided", sa.String(length=1000), server_default="", nullable=False))
        batch.create_check_constraint(op.f("report_what"), f"what IN {THINGS}")
        batch.create_check_constraint(op.f("report_decision"), f"decision IN {DECISIONS}")
        batch.create_foreign_key(
            op.f("report_invitation_id_fkey"), "guest_invitation", ["invitation_id"], ["id"], ondelete="SET NULL"
        )
    op.create_index(op.f("report_invitation_id_index"), "report", ["invitation_id"], unique=False)


def downgrade():
    op.execute("DELETE FROM report WHERE by_id IS NULL")
    op.drop_index(op.f("report_invitation_id_index"), table_name="report")
    with op.batch_alter_table("report") as batch:
        batch.drop_constraint(op.f("report_invitation_id_fkey"), type_="foreignkey")
        for name in ("report_what", "report_decision"):
            batch.drop_constraint(op.f(name), type_="check")
        for name in ("what", "invitation_id", "decision", "decided"):
            batch.drop_column(name)
        batch.alter_column("by_id", existing_type=sa.Integer(), nullable=False)
    op.drop_column("member", "silenced_until")
    op.drop_table("act")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION act_stays()")
