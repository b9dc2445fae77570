"""Who asks what is held about their address, until the mail that answers has left."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "inquiry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("lookup", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("inquiry_pkey")),
    )
    op.create_index("inquiry_created_at_index", "inquiry", ["created_at"], unique=False)
    with op.batch_alter_table("outgoing_mail") as batch:
        batch.add_column(sa.Column("inquiry_id", sa.Integer(), nullable=True))
        batch.create_foreign_key(
            op.f("outgoing_mail_inquiry_id_fkey"), "inquiry", ["inquiry_id"], ["id"], ondelete="SET NULL"
        )
    op.create_index(op.f("outgoing_mail_inquiry_id_index"), "outgoing_mail", ["inquiry_id"], unique=False)


def downgrade():
    op.drop_index(op.f("outgoing_mail_inquiry_id_index"), table_name="outgoing_mail")
    with op.batch_alter_table("outgoing_mail") as batch:
        batch.drop_constraint(op.f("outgoing_mail_inquiry_id_fkey"), type_="foreignkey")
        batch.drop_column("inquiry_id")
    op.drop_table("inquiry")
