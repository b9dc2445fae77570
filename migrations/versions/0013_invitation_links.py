"""Invitation links, and who came by them."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "invite_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("comment", sa.String(length=100), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("uses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("uses_max", sa.Integer(), nullable=False),
        sa.Column("connects", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("uses >= 0 AND uses <= uses_max", name=op.f("invite_link_uses")),
        sa.CheckConstraint("uses_max > 0", name=op.f("invite_link_uses_max")),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("invite_link_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("invite_link_pkey")),
        sa.UniqueConstraint("key", name=op.f("invite_link_key_unique")),
    )
    op.create_index("invite_link_member_id_index", "invite_link", ["member_id"], unique=False)
    op.create_table(
        "arrival",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("arrived_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["link_id"], ["invite_link.id"], name=op.f("arrival_link_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("arrival_member_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("arrival_pkey")),
        sa.UniqueConstraint("link_id", "member_id", name=op.f("arrival_link_id_member_id_unique")),
    )
    op.create_index("arrival_member_id_index", "arrival", ["member_id"], unique=False)


def downgrade():
    op.drop_table("arrival")
    op.drop_table("invite_link")
