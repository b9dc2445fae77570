"""Saved searches."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "saved_search",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("known", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("saved_search_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("saved_search_pkey")),
        sa.UniqueConstraint("key", name=op.f("saved_search_key_unique")),
    )
    op.create_index(op.f("saved_search_looked_at_index"), "saved_search", ["looked_at"], unique=False)
    op.create_index(op.f("saved_search_member_id_index"), "saved_search", ["member_id"], unique=False)


def downgrade():
    op.drop_table("saved_search")
