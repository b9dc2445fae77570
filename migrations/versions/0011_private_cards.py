"""Private cards and tags."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "card_key",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("card_key_member_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("member_id", name=op.f("card_key_pkey")),
    )
    op.create_table(
        "private_card",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("about_id", sa.Integer(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("forget_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["about_id"], ["member.id"], name=op.f("private_card_about_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["member.id"], name=op.f("private_card_owner_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("private_card_pkey")),
        sa.UniqueConstraint("key", name=op.f("private_card_key_unique")),
    )
    op.create_index("private_card_pair_index", "private_card", ["owner_id", "about_id"], unique=True)
    op.create_index("private_card_due_index", "private_card", ["owner_id", "due_at"], unique=False)
    op.create_index("private_card_forget_at_index", "private_card", ["forget_at"], unique=False)
    op.create_index(op.f("private_card_about_id_index"), "private_card", ["about_id"], unique=False)
    op.create_table(
        "tag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["member.id"], name=op.f("tag_owner_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("tag_pkey")),
        sa.UniqueConstraint("key", name=op.f("tag_key_unique")),
    )
    op.create_index(op.f("tag_owner_id_index"), "tag", ["owner_id"], unique=False)
    op.create_table(
        "tagged",
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.Column("about_id", sa.Integer(), nullable=False),
        sa.Column("forget_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["about_id"], ["member.id"], name=op.f("tagged_about_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("tagged_tag_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tag_id", "about_id", name=op.f("tagged_pkey")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("tagged_about_id_index"), "tagged", ["about_id"], unique=False)
    op.create_index("tagged_forget_at_index", "tagged", ["forget_at"], unique=False)


def downgrade():
    op.drop_table("tagged")
    op.drop_table("tag")
    op.drop_table("private_card")
    op.drop_table("card_key")
