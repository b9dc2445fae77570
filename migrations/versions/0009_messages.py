"""Messages."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "conversation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=100), server_default="", nullable=False),
        sa.Column("low_id", sa.Integer(), nullable=True),
        sa.Column("high_id", sa.Integer(), nullable=True),
        sa.Column("started_by_id", sa.Integer(), nullable=True),
        sa.Column("is_open", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('pair', 'group')", name=op.f("conversation_kind")),
        sa.CheckConstraint("low_id < high_id", name=op.f("conversation_ordered_pair")),
        sa.ForeignKeyConstraint(["low_id"], ["member.id"], name=op.f("conversation_low_id_fkey"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["high_id"], ["member.id"], name=op.f("conversation_high_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["started_by_id"], ["member.id"], name=op.f("conversation_started_by_id_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("conversation_pkey")),
        sa.UniqueConstraint("key", name=op.f("conversation_key_unique")),
        sa.UniqueConstraint("low_id", "high_id", name=op.f("conversation_low_id_high_id_unique")),
    )
    op.create_index(op.f("conversation_high_id_index"), "conversation", ["high_id"], unique=False)
    op.create_index("conversation_started_index", "conversation", ["started_by_id", "created_at"], unique=False)
    op.create_table(
        "participant",
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="open", nullable=False),
        sa.Column("last_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("read_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("since_id", sa.Integer(), server_default="0", nullable=False),
        sa.Column("until_id", sa.Integer(), nullable=True),
        sa.Column("muted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.Column("mail_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'request', 'ignored')", name=op.f("participant_state")),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("participant_conversation_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("participant_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("conversation_id", "member_id", name=op.f("participant_pkey")),
    )
    op.create_index("participant_latest_index", "participant", ["member_id", "last_id"], unique=False)
    mailed = sa.text("mail_at IS NOT NULL")
    op.create_index(
        "participant_mail_at_index",
        "participant",
        ["mail_at"],
        unique=False,
        postgresql_where=mailed,
        sqlite_where=mailed,
    )
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("client_id", sa.String(length=40), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["author_id"], ["member.id"], name=op.f("message_author_id_fkey"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("message_conversation_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("message_pkey")),
        sa.UniqueConstraint("author_id", "client_id", name=op.f("message_author_id_client_id_unique")),
        sa.UniqueConstraint("key", name=op.f("message_key_unique")),
        sqlite_autoincrement=True,
    )
    op.create_index("message_conversation_index", "message", ["conversation_id", "id"], unique=False)
    op.create_index("message_changed_index", "message", ["conversation_id", "changed_at"], unique=False)
    op.create_index("message_author_index", "message", ["author_id", "sent_at"], unique=False)
    op.create_table(
        "hidden_message",
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("hidden_message_message_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("hidden_message_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_id", "member_id", name=op.f("hidden_message_pkey")),
    )
    op.create_index(op.f("hidden_message_member_id_index"), "hidden_message", ["member_id"], unique=False)
    # In SQL, with its check: a batch would copy the table on SQLite.
    op.execute(
        "ALTER TABLE member ADD COLUMN writable VARCHAR(12) DEFAULT 'connections' NOT NULL "
        "CONSTRAINT member_writable CHECK (writable IN ('connections', 'members'))"
    )
    for name in ("mails_message_text", "shows_reading"):
        op.add_column("member", sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False))
    with op.batch_alter_table("report") as batch:
        batch.alter_column("note", existing_type=sa.String(length=1000), type_=sa.Text(), existing_nullable=False)


def downgrade():
    with op.batch_alter_table("report") as batch:
        batch.alter_column("note", existing_type=sa.Text(), type_=sa.String(length=1000), existing_nullable=False)
    with op.batch_alter_table("member") as batch:
        for name in ("shows_reading", "mails_message_text", "writable"):
            batch.drop_column(name)
    for name in ("hidden_message", "message", "participant", "conversation"):
        op.drop_table(name)
