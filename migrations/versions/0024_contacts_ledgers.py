"""What was read of members' address books, and sent because of it, as lines that hold each other."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "contacts_ledger",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("contacts_ledger_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("member_id", name=op.f("contacts_ledger_pkey")),
    )
    op.create_table(
        "contacts_ledger_line",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=20), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("contacts_ledger_line_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("member_id", "number", name=op.f("contacts_ledger_line_pkey")),
    )
    op.add_column("batch", sa.Column("from_contacts", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade():
    op.drop_column("batch", "from_contacts")
    op.drop_table("contacts_ledger_line")
    op.drop_table("contacts_ledger")
