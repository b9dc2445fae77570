"""Reports to the operators."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "report",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("about_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("text", sa.String(length=1000), nullable=False),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_by_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "reason IN ('unknown', 'advertising', 'harassment', 'pretending', 'other')",
            name=op.f("report_reason"),
        ),
        sa.ForeignKeyConstraint(["about_id"], ["member.id"], name=op.f("report_about_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["by_id"], ["member.id"], name=op.f("report_by_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["settled_by_id"], ["member.id"], name=op.f("report_settled_by_id_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("report_pkey")),
    )
    for name in ("about_id", "by_id", "settled_by_id"):
        op.create_index(op.f(f"report_{name}_index"), "report", [name], unique=False)
    op.create_index("report_settled_at_index", "report", ["settled_at", "id"], unique=False)


def downgrade():
    op.drop_table("report")
