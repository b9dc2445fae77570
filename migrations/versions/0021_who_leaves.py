"""Who leaves, how far that has come, and whom others do not see."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

HIDDEN = sa.text("suspended_at IS NOT NULL OR deleted_at IS NOT NULL")


def upgrade():
    op.create_table(
        "departure",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.String(length=60), server_default="", nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("departure_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("member_id", name=op.f("departure_pkey")),
    )
    op.create_index("departure_next_at_index", "departure", ["next_at"], unique=False)
    op.create_index("member_hidden_index", "member", ["id"], sqlite_where=HIDDEN, postgresql_where=HIDDEN)


def downgrade():
    op.drop_index("member_hidden_index", "member", sqlite_where=HIDDEN, postgresql_where=HIDDEN)
    op.drop_table("departure")
