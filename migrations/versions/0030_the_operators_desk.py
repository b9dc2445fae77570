"""More that operators do about accounts; what their pages ask for has indexes; how often which provider failed, day by day."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

BEFORE = ("suspended", "lifted", "silenced", "unsilenced", "settled")
KINDS = ("suspended", "lifted", "silenced", "unsilenced", "settled", "deleted", "kept", "signed_out")
STAYS = "The log of what operators do cannot be changed."
FIXED = ("number", "at", "kind", "until", "member_seal", "operator_seal", "digest")
EMPTIED = {"member_id": "NULL", "reason": "''", "member_salt": "''", "operator_id": "NULL", "operator_salt": "''"}
PARTIAL = (
    ("member_special_index", "member", "id", "verified_at IS NULL OR is_operator OR silenced_until IS NOT NULL"),
    ("outgoing_mail_trouble_index", "outgoing_mail", "id", "state IN ('uncertain', 'failed')"),
    ("guest_address_opted_out_index", "guest_address", "opted_out_at", "opted_out_at IS NOT NULL"),
)


def triggers():
    """SQLite makes the table anew to change a constraint, and its triggers go with the old one."""
    fixed = [f"NEW.{name} IS NOT OLD.{name}" for name in FIXED]
    emptied = [f"(NEW.{name} IS NOT OLD.{name} AND NEW.{name} IS NOT {empty})" for name, empty in EMPTIED.items()]
    changed = " OR ".join([*fixed, *emptied])
    op.execute(
        f"CREATE TRIGGER act_update BEFORE UPDATE ON act WHEN {changed} BEGIN SELECT RAISE(ABORT, '{STAYS}'); END"
    )
    op.execute(f"CREATE TRIGGER act_delete BEFORE DELETE ON act BEGIN SELECT RAISE(ABORT, '{STAYS}'); END")


def allow(kinds):
    with op.batch_alter_table("act") as batch:
        batch.drop_constraint(op.f("act_kind"), type_="check")
        batch.create_check_constraint(op.f("act_kind"), f"kind IN {kinds}")
    if op.get_bind().dialect.name == "sqlite":
        triggers()


def upgrade():
    allow(KINDS)
    for name, table, column, where in PARTIAL:
        op.create_index(
            name, table, [column], unique=False, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
    op.create_table(
        "door_tally",
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("door", sa.String(length=20), nullable=False),
        sa.Column("what", sa.String(length=20), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "door", "what", name=op.f("door_tally_pkey")),
    )


def downgrade():
    op.drop_table("door_tally")
    for name, table, _column, _where in reversed(PARTIAL):
        op.drop_index(name, table_name=table)
    allow(BEFORE)
