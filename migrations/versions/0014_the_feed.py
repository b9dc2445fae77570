"""The feed."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def _member(table, column):
    return sa.ForeignKeyConstraint([column], ["member.id"], name=op.f(f"{table}_{column}_fkey"), ondelete="CASCADE")


def _post(table):
    return sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f(f"{table}_post_id_fkey"), ondelete="CASCADE")


def upgrade():
    op.create_table(
        "post",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("audience", sa.String(length=12), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("other_id", sa.Integer(), nullable=True),
        sa.Column("form", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('post', 'position', 'joined', 'connected')", name=op.f("post_kind")),
        sa.CheckConstraint("audience IN ('connections', 'members')", name=op.f("post_audience")),
        sa.CheckConstraint("(kind IN ('joined', 'connected')) = (other_id IS NOT NULL)", name=op.f("post_other")),
        _member("post", "author_id"),
        _member("post", "other_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("post_pkey")),
        sa.UniqueConstraint("key", name=op.f("post_key_unique")),
    )
    op.create_index("post_author_id_index", "post", ["author_id", "id"], unique=False)
    op.create_index("post_author_id_form_index", "post", ["author_id", "form"], unique=True)
    op.create_index("post_created_at_index", "post", ["created_at", "id"], unique=False)
    op.create_index(op.f("post_other_id_index"), "post", ["other_id"], unique=False)
    op.create_table(
        "comment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("form", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        _post("comment"),
        _member("comment", "author_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("comment_pkey")),
        sa.UniqueConstraint("key", name=op.f("comment_key_unique")),
    )
    op.create_index("comment_post_id_index", "comment", ["post_id", "id"], unique=False)
    op.create_index("comment_author_id_form_index", "comment", ["author_id", "form"], unique=True)
    op.create_table(
        "reaction",
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        _post("reaction"),
        _member("reaction", "member_id"),
        sa.PrimaryKeyConstraint("post_id", "member_id", name=op.f("reaction_pkey")),
    )
    op.create_index(op.f("reaction_member_id_index"), "reaction", ["member_id"], unique=False)
    op.create_table(
        "mute",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("other_id", sa.Integer(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        _member("mute", "member_id"),
        _member("mute", "other_id"),
        sa.PrimaryKeyConstraint("member_id", "other_id", name=op.f("mute_pkey")),
    )
    op.create_index(op.f("mute_other_id_index"), "mute", ["other_id"], unique=False)
    op.create_table(
        "feed_address",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        _member("feed_address", "member_id"),
        sa.PrimaryKeyConstraint("member_id", name=op.f("feed_address_pkey")),
        sa.UniqueConstraint("digest", name=op.f("feed_address_digest_unique")),
    )
    op.add_column(
        "member",
        sa.Column("announces_connections", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )


def downgrade():
    op.drop_column("member", "announces_connections")
    for table in ("feed_address", "mute", "reaction", "comment", "post"):
        op.drop_table(table)
