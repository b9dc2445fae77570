"""Who may ask a member, who sees their connections, and who is suggested to whom."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

QUESTIONS = (
    ("askable", 10, "everyone", ("everyone", "near", "nobody")),
    ("connections_shown", 12, "connections", ("nobody", "connections", "members")),
)
SWITCHES = ("unlisted", "unsuggested")


def upgrade():
    for name, size, default, answers in QUESTIONS:
        # In SQL, with its check: a batch would copy the table on SQLite.
        op.execute(
            f"ALTER TABLE member ADD COLUMN {name} VARCHAR({size}) DEFAULT '{default}' NOT NULL "
            f"CONSTRAINT member_{name} CHECK ({name} IN {answers})"
        )
    for name in SWITCHES:
        op.add_column("member", sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False))
    for name in ("organisation", "cohort"):
        op.create_index(f"member_{name}_index", "member", [name, "degree"], unique=False)
    op.create_table(
        "dismissed",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("other_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("dismissed_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["other_id"], ["member.id"], name=op.f("dismissed_other_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("member_id", "other_id", name=op.f("dismissed_pkey")),
    )
    op.create_index(op.f("dismissed_other_id_index"), "dismissed", ["other_id"], unique=False)


def downgrade():
    op.drop_table("dismissed")
    for name in ("organisation", "cohort"):
        op.drop_index(f"member_{name}_index", "member")
    with op.batch_alter_table("member") as batch:
        for name in (*SWITCHES, *(question[0] for question in QUESTIONS)):
            batch.drop_column(name)
