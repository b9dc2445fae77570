"""App passwords, with which a member's devices read their address book."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "app_password",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("hashed", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], ondelete="CASCADE", name="app_password_member_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="app_password_pkey"),
        sa.UniqueConstraint("hashed", name="app_password_hashed_unique"),
    )
    op.create_index("app_password_member_id_index", "app_password", ["member_id"])


def downgrade():
    op.drop_table("app_password")
