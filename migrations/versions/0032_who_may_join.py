"""Who waits until operators let them in, the roster, and the cohort that it confirms; letting in and declining are lines of the log."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

BEFORE = ("suspended", "lifted", "silenced", "unsilenced", "settled", "deleted", "kept", "signed_out")
KINDS = (*BEFORE, "approved", "declined")
STAYS = "The log of what operators do cannot be changed."
FIXED = ("number", "at", "kind", "until", "member_seal", "operator_seal", "digest")
EMPTIED = {"member_id": "NULL", "reason": "''", "member_salt": "''", "operator_id": "NULL", "operator_salt": "''"}


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
    op.add_column("member", sa.Column("roster_cohort", sa.String(length=60), server_default="", nullable=False))
    op.create_table(
        "applicant",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("waits_since", sa.BigInteger(), nullable=True),
        sa.Column("accepts", sa.JSON(), nullable=False),
        sa.Column("decision", sa.String(length=10), server_default="", nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("decision IN ('', 'approved', 'declined', 'going')", name=op.f("applicant_decision")),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("applicant_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["member.id"], name=op.f("applicant_decided_by_id_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("member_id", name=op.f("applicant_pkey")),
    )
    op.create_index("applicant_waits_since_index", "applicant", ["waits_since", "member_id"], unique=False)
    op.create_index("applicant_decided_by_id_index", "applicant", ["decided_by_id"], unique=False)
    op.create_table(
        "roster_entry",
        sa.Column("lookup", sa.String(length=64), nullable=False),
        sa.Column("cohort", sa.String(length=60), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lookup", name=op.f("roster_entry_pkey")),
    )
    op.create_index("roster_entry_cohort_index", "roster_entry", ["cohort", "added_at"], unique=False)
    allow(KINDS)


def downgrade():
    allow(BEFORE)
    op.drop_table("roster_entry")
    op.drop_table("applicant")
    op.drop_column("member", "roster_cohort")
