"""Introductions."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "introduction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("asker_id", sa.Integer(), nullable=False),
        sa.Column("via_id", sa.Integer(), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("why", sa.String(length=1000), nullable=False),
        sa.Column("words", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("leaves_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('asked', 'passed', 'declined', 'ignored', 'cancelled')", name=op.f("introduction_state")
        ),
        *(
            sa.ForeignKeyConstraint([name], ["member.id"], name=op.f(f"introduction_{name}_fkey"), ondelete="CASCADE")
            for name in ("asker_id", "via_id", "target_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("introduction_pkey")),
        sa.UniqueConstraint("asker_id", "target_id", name=op.f("introduction_asker_id_target_id_unique")),
        sa.UniqueConstraint("key", name=op.f("introduction_key_unique")),
    )
    for name in ("via_id", "target_id"):
        op.create_index(f"introduction_{name}_index", "introduction", [name, "state"], unique=False)
    op.create_index("introduction_expires_at_index", "introduction", ["expires_at"], unique=False)


def downgrade():
    op.drop_table("introduction")
