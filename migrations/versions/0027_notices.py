"""Who was told that a way into an account has changed, so that it can be undone."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("change", sa.String(length=10), nullable=False),
        sa.Column("told", sa.String(length=254), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("primary", sa.String(length=254), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("change IN ('added', 'removed', 'primary', 'password')", name=op.f("notice_change")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("notice_member_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("notice_pkey")),
    )
    op.create_index("notice_member_id_index", "notice", ["member_id", "at"])
    op.create_index("notice_at_index", "notice", ["at"])


def downgrade():
    op.drop_table("notice")
