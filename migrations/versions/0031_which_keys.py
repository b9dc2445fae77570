"""Which of the instance's keys lie over the keyed hashes."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "key_generation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("key_generation_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("key_generation_pkey")),
    )


def downgrade():
    op.drop_table("key_generation")
