"""Log-ins elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "log_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("door", sa.String(length=20), nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("log_in_member_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("log_in_pkey")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("log_in_issuer_subject_unique")),
        sa.UniqueConstraint("key", name=op.f("log_in_key_unique")),
    )
    op.create_index("log_in_member_id_index", "log_in", ["member_id"], unique=False)


def downgrade():
    op.drop_table("log_in")
