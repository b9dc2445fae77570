"""The archives that members take along."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "archive",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('asked', 'building', 'ready', 'failed')", name=op.f("archive_state")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("archive_member_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("member_id", name=op.f("archive_pkey")),
        sa.UniqueConstraint("name", name=op.f("archive_name_unique")),
    )
    op.create_index("archive_state_index", "archive", ["state", "asked_at"])
    op.create_index("archive_expires_at_index", "archive", ["expires_at"])


def downgrade():
    op.drop_table("archive")
