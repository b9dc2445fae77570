"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "guest_address",
        sa.Column("lookup", sa.String(length=64), nullable=False),
        sa.Column("mailed_at", sa.BigInteger(), nullable=True),
        sa.Column("link_digest", sa.String(length=64), nullable=True),
        sa.Column("link_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("opted_out_at", sa.BigInteger(), nullable=True),
        sa.Column("undeliverable_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("lookup", name=op.f("guest_address_pkey")),
        sa.UniqueConstraint("link_digest", name=op.f("guest_address_link_digest_unique")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=60), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("lease_pkey")),
    )
    op.create_table(
        "member",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("handle", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("sort_as", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=200), nullable=False),
        sa.Column("sort_key", sa.String(length=300), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("headline", sa.String(length=160), nullable=False),
        sa.Column("organisation", sa.String(length=120), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("field", sa.String(length=60), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("place", sa.String(length=120), nullable=False),
        sa.Column("cohort", sa.String(length=60), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("links", sa.JSON(), nullable=False),
        sa.Column("photo", sa.String(length=32), nullable=True),
        sa.Column("degree", sa.Integer(), server_default="0", nullable=False),
        sa.Column("findable", sa.String(length=10), server_default="everyone", nullable=False),
        sa.Column("mails_invitations", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.Column("mails_acceptances", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.Column("is_operator", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("suspended_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("findable IN ('everyone', 'second', 'nobody')", name=op.f("member_findable")),
        sa.CheckConstraint("degree >= 0", name=op.f("member_degree")),
        sa.PrimaryKeyConstraint("id", name=op.f("member_pkey")),
        sa.UniqueConstraint("handle", name=op.f("member_handle_unique")),
    )
    with op.batch_alter_table("member", schema=None) as batch_op:
        batch_op.create_index("member_degree_index", ["degree", "id"], unique=False)
        batch_op.create_index("member_field_index", ["field", "degree"], unique=False)
        batch_op.create_index("member_name_key_index", ["name_key", "id"], unique=False)
        batch_op.create_index("member_sort_key_index", ["sort_key", "id"], unique=False)

    op.create_table(
        "throttle",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("throttle_pkey")),
    )
    with op.batch_alter_table("throttle", schema=None) as batch_op:
        batch_op.create_index("throttle_expires_at_index", ["expires_at"], unique=False)

    op.create_table(
        "adjacency",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("ids", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("adjacency_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("member_id", name=op.f("adjacency_pkey")),
    )
    op.create_table(
        "batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("batch_member_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("batch_pkey")),
        sa.UniqueConstraint("key", name=op.f("batch_key_unique")),
    )
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.create_index("batch_member_id_index", ["member_id"], unique=False)

    op.create_table(
        "connection",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("other_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("connection_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["other_id"], ["member.id"], name=op.f("connection_other_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("member_id", "other_id", name=op.f("connection_pkey")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("connection", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("connection_other_id_index"), ["other_id"], unique=False)
        batch_op.create_index("connection_recent_index", ["member_id", "since", "other_id"], unique=False)

    op.create_table(
        "email_address",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("lookup", sa.String(length=64), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("email_address_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("email_address_pkey")),
    )
    with op.batch_alter_table("email_address", schema=None) as batch_op:
        batch_op.create_index("email_address_lookup_index", ["lookup"], unique=False)
        batch_op.create_index("email_address_member_id_index", ["member_id"], unique=False)
        batch_op.create_index(
            "email_address_one_primary",
            ["member_id"],
            unique=True,
            postgresql_where=sa.text("is_primary"),
            sqlite_where=sa.text("is_primary"),
        )
        batch_op.create_index(
            "email_address_verified_lookup",
            ["lookup"],
            unique=True,
            postgresql_where=sa.text("verified_at IS NOT NULL"),
            sqlite_where=sa.text("verified_at IS NOT NULL"),
        )

    op.create_table(
        "lookup_charge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("addresses", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("lookup_charge_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("lookup_charge_pkey")),
    )
    with op.batch_alter_table("lookup_charge", schema=None) as batch_op:
        batch_op.create_index("lookup_charge_member_id_index", ["member_id", "at"], unique=False)

    op.create_table(
        "notification",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("visible_from", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["member.id"], name=op.f("notification_actor_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("notification_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("notification_pkey")),
    )
    with op.batch_alter_table("notification", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("notification_actor_id_index"), ["actor_id"], unique=False)
        batch_op.create_index("notification_cause_index", ["kind", "actor_id", "member_id"], unique=False)
        batch_op.create_index("notification_member_id_index", ["member_id", "visible_from", "id"], unique=False)

    op.create_table(
        "photo",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("pixels", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("webp", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("photo_member_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("name", "pixels", name=op.f("photo_pkey")),
    )
    with op.batch_alter_table("photo", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("photo_member_id_index"), ["member_id"], unique=False)

    op.create_table(
        "sign_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("sign_in_member_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("sign_in_pkey")),
        sa.UniqueConstraint("digest", name=op.f("sign_in_digest_unique")),
    )
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.create_index("sign_in_member_id_index", ["member_id"], unique=False)

    op.create_table(
        "ticket",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=30), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("ticket_member_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name=op.f("ticket_pkey")),
    )
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.create_index("ticket_expires_at_index", ["expires_at"], unique=False)
        batch_op.create_index("ticket_member_id_index", ["member_id"], unique=False)

    op.create_table(
        "address_book_import",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("sign_in_id", sa.Integer(), nullable=False),
        sa.Column("door", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(length=20), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("summary", sa.LargeBinary(), nullable=True),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("guests", sa.Integer(), nullable=False),
        sa.Column("member_ticks", sa.LargeBinary(), nullable=False),
        sa.Column("guest_ticks", sa.LargeBinary(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("clicked_at", sa.BigInteger(), nullable=False),
        sa.Column("busy_until", sa.BigInteger(), nullable=True),
        sa.Column("wait_until", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('reading', 'ready')", name=op.f("address_book_import_state")),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("address_book_import_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sign_in_id"], ["sign_in.id"], name=op.f("address_book_import_sign_in_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("address_book_import_pkey")),
        sa.UniqueConstraint("member_id", name=op.f("address_book_import_member_id_unique")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("address_book_import", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("address_book_import_sign_in_id_index"), ["sign_in_id"], unique=False)

    op.create_table(
        "guest_invitation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("inviter_id", sa.Integer(), nullable=False),
        sa.Column("lookup", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("quiet_at", sa.BigInteger(), nullable=True),
        sa.Column("quiet_reason", sa.String(length=20), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("leaves_at", sa.BigInteger(), nullable=False),
        sa.Column("mailed_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("joined_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "state IN ('held', 'queued', 'invited', 'uncertain', 'failed', 'accepted', 'withdrawn', 'expired')",
            name=op.f("guest_invitation_state"),
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batch.id"], name=op.f("guest_invitation_batch_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["inviter_id"], ["member.id"], name=op.f("guest_invitation_inviter_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["joined_id"], ["member.id"], name=op.f("guest_invitation_joined_id_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("guest_invitation_pkey")),
        sa.UniqueConstraint("inviter_id", "lookup", name=op.f("guest_invitation_inviter_id_lookup_unique")),
        sa.UniqueConstraint("key", name=op.f("guest_invitation_key_unique")),
    )
    with op.batch_alter_table("guest_invitation", schema=None) as batch_op:
        batch_op.create_index("guest_invitation_batch_id_index", ["batch_id"], unique=False)
        batch_op.create_index("guest_invitation_due_index", ["state", "leaves_at"], unique=False)
        batch_op.create_index(batch_op.f("guest_invitation_joined_id_index"), ["joined_id"], unique=False)
        batch_op.create_index("guest_invitation_lookup_index", ["lookup"], unique=False)

    op.create_table(
        "relationship",
        sa.Column("low_id", sa.Integer(), nullable=False),
        sa.Column("high_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="none", nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("undo_by_id", sa.Integer(), nullable=True),
        sa.Column("undo_until", sa.BigInteger(), nullable=True),
        sa.Column("undo_state", sa.String(length=10), nullable=True),
        sa.Column("undo_of_id", sa.Integer(), nullable=True),
        sa.Column("undo_since", sa.BigInteger(), nullable=True),
        sa.Column("low_held", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("low_leaves_at", sa.BigInteger(), nullable=True),
        sa.Column("low_batch_id", sa.Integer(), nullable=True),
        sa.Column("low_note", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("low_blocked_at", sa.BigInteger(), nullable=True),
        sa.Column("low_may_ask_from", sa.BigInteger(), nullable=True),
        sa.Column("low_quiet_until", sa.BigInteger(), nullable=True),
        sa.Column("low_refused_at", sa.BigInteger(), nullable=True),
        sa.Column("high_held", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("high_leaves_at", sa.BigInteger(), nullable=True),
        sa.Column("high_batch_id", sa.Integer(), nullable=True),
        sa.Column("high_note", sa.String(length=1000), server_default="", nullable=False),
        sa.Column("high_blocked_at", sa.BigInteger(), nullable=True),
        sa.Column("high_may_ask_from", sa.BigInteger(), nullable=True),
        sa.Column("high_quiet_until", sa.BigInteger(), nullable=True),
        sa.Column("high_refused_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('none', 'pending', 'ignored', 'connected', 'withdrawn', 'expired', 'removed')",
            name=op.f("relationship_state"),
        ),
        sa.CheckConstraint(
            "by_id IS NULL OR by_id = low_id OR by_id = high_id", name=op.f("relationship_by_one_of_them")
        ),
        sa.CheckConstraint("low_id < high_id", name=op.f("relationship_ordered_pair")),
        sa.ForeignKeyConstraint(
            ["high_batch_id"], ["batch.id"], name=op.f("relationship_high_batch_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["high_id"], ["member.id"], name=op.f("relationship_high_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["low_batch_id"], ["batch.id"], name=op.f("relationship_low_batch_id_fkey"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["low_id"], ["member.id"], name=op.f("relationship_low_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("low_id", "high_id", name=op.f("relationship_pkey")),
    )
    with op.batch_alter_table("relationship", schema=None) as batch_op:
        batch_op.create_index(
            "relationship_expires_at_index",
            ["expires_at"],
            unique=False,
            postgresql_where=sa.text("state IN ('pending', 'ignored')"),
            sqlite_where=sa.text("state IN ('pending', 'ignored')"),
        )
        batch_op.create_index(batch_op.f("relationship_high_batch_id_index"), ["high_batch_id"], unique=False)
        batch_op.create_index(
            "relationship_high_due_index",
            ["high_leaves_at"],
            unique=False,
            postgresql_where=sa.text("high_held"),
            sqlite_where=sa.text("high_held"),
        )
        batch_op.create_index("relationship_high_index", ["high_id", "state", "since"], unique=False)
        batch_op.create_index(batch_op.f("relationship_low_batch_id_index"), ["low_batch_id"], unique=False)
        batch_op.create_index(
            "relationship_low_due_index",
            ["low_leaves_at"],
            unique=False,
            postgresql_where=sa.text("low_held"),
            sqlite_where=sa.text("low_held"),
        )
        batch_op.create_index("relationship_low_index", ["low_id", "state", "since"], unique=False)

    op.create_table(
        "import_part",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("kind IN ('page', 'member', 'guest', 'other')", name=op.f("import_part_kind")),
        sa.ForeignKeyConstraint(
            ["import_id"], ["address_book_import.id"], name=op.f("import_part_import_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "kind", "number", name=op.f("import_part_pkey")),
    )
    op.create_table(
        "outgoing_mail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("to_member_id", sa.Integer(), nullable=True),
        sa.Column("address_id", sa.Integer(), nullable=True),
        sa.Column("guest_invitation_id", sa.Integer(), nullable=True),
        sa.Column("by_member_id", sa.Integer(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'claimed', 'sent', 'uncertain', 'failed', 'skipped')", name=op.f("outgoing_mail_state")
        ),
        sa.ForeignKeyConstraint(
            ["address_id"], ["email_address.id"], name=op.f("outgoing_mail_address_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["by_member_id"], ["member.id"], name=op.f("outgoing_mail_by_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["guest_invitation_id"],
            ["guest_invitation.id"],
            name=op.f("outgoing_mail_guest_invitation_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["to_member_id"], ["member.id"], name=op.f("outgoing_mail_to_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("outgoing_mail_pkey")),
    )
    with op.batch_alter_table("outgoing_mail", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("outgoing_mail_address_id_index"), ["address_id"], unique=False)
        batch_op.create_index(batch_op.f("outgoing_mail_by_member_id_index"), ["by_member_id"], unique=False)
        batch_op.create_index("outgoing_mail_cause_index", ["kind", "by_member_id", "to_member_id"], unique=False)
        batch_op.create_index(
            "outgoing_mail_claimed_index",
            ["claimed_at"],
            unique=False,
            postgresql_where=sa.text("state = 'claimed'"),
            sqlite_where=sa.text("state = 'claimed'"),
        )
        batch_op.create_index(
            "outgoing_mail_due_index",
            ["not_before", "id"],
            unique=False,
            postgresql_where=sa.text("state = 'queued'"),
            sqlite_where=sa.text("state = 'queued'"),
        )
        batch_op.create_index(
            batch_op.f("outgoing_mail_guest_invitation_id_index"), ["guest_invitation_id"], unique=False
        )
        batch_op.create_index(batch_op.f("outgoing_mail_to_member_id_index"), ["to_member_id"], unique=False)

    op.create_table(
        "mailbox_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mail_id", sa.Integer(), nullable=True),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mail_id"], ["outgoing_mail.id"], name=op.f("mailbox_message_mail_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("mailbox_message_pkey")),
    )
    with op.batch_alter_table("mailbox_message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("mailbox_message_mail_id_index"), ["mail_id"], unique=False)


def downgrade():
    with op.batch_alter_table("mailbox_message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("mailbox_message_mail_id_index"))

    op.drop_table("mailbox_message")
    with op.batch_alter_table("outgoing_mail", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("outgoing_mail_to_member_id_index"))
        batch_op.drop_index(batch_op.f("outgoing_mail_guest_invitation_id_index"))
        batch_op.drop_index(
            "outgoing_mail_due_index",
            postgresql_where=sa.text("state = 'queued'"),
            sqlite_where=sa.text("state = 'queued'"),
        )
        batch_op.drop_index(
            "outgoing_mail_claimed_index",
            postgresql_where=sa.text("state = 'claimed'"),
            sqlite_where=sa.text("state = 'claimed'"),
        )
        batch_op.drop_index("outgoing_mail_cause_index")
        batch_op.drop_index(batch_op.f("outgoing_mail_by_member_id_index"))
        batch_op.drop_index(batch_op.f("outgoing_mail_address_id_index"))

    op.drop_table("outgoing_mail")
    op.drop_table("import_part")
    with op.batch_alter_table("relationship", schema=None) as batch_op:
        batch_op.drop_index("relationship_low_index")
        batch_op.drop_index(
            "relationship_low_due_index", postgresql_where=sa.text("low_held"), sqlite_where=sa.text("low_held")
        )
        batch_op.drop_index(batch_op.f("relationship_low_batch_id_index"))
        batch_op.drop_index("relationship_high_index")
        batch_op.drop_index(
            "relationship_high_due_index", postgresql_where=sa.text("high_held"), sqlite_where=sa.text("high_held")
        )
        batch_op.drop_index(batch_op.f("relationship_high_batch_id_index"))
        batch_op.drop_index(
            "relationship_expires_at_index",
            postgresql_where=sa.text("state IN ('pending', 'ignored')"),
            sqlite_where=sa.text("state IN ('pending', 'ignored')"),
        )

    op.drop_table("relationship")
    with op.batch_alter_table("guest_invitation", schema=None) as batch_op:
        batch_op.drop_index("guest_invitation_lookup_index")
        batch_op.drop_index(batch_op.f("guest_invitation_joined_id_index"))
        batch_op.drop_index("guest_invitation_due_index")
        batch_op.drop_index("guest_invitation_batch_id_index")

    op.drop_table("guest_invitation")
    with op.batch_alter_table("address_book_import", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("address_book_import_sign_in_id_index"))

    op.drop_table("address_book_import")
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.drop_index("ticket_member_id_index")
        batch_op.drop_index("ticket_expires_at_index")

    op.drop_table("ticket")
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.drop_index("sign_in_member_id_index")

    op.drop_table("sign_in")
    with op.batch_alter_table("photo", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("photo_member_id_index"))

    op.drop_table("photo")
    with op.batch_alter_table("notification", schema=None) as batch_op:
        batch_op.drop_index("notification_member_id_index")
        batch_op.drop_index("notification_cause_index")
        batch_op.drop_index(batch_op.f("notification_actor_id_index"))

    op.drop_table("notification")
    with op.batch_alter_table("lookup_charge", schema=None) as batch_op:
        batch_op.drop_index("lookup_charge_member_id_index")

    op.drop_table("lookup_charge")
    with op.batch_alter_table("email_address", schema=None) as batch_op:
        batch_op.drop_index(
            "email_address_verified_lookup",
            postgresql_where=sa.text("verified_at IS NOT NULL"),
            sqlite_where=sa.text("verified_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "email_address_one_primary", postgresql_where=sa.text("is_primary"), sqlite_where=sa.text("is_primary")
        )
        batch_op.drop_index("email_address_member_id_index")
        batch_op.drop_index("email_address_lookup_index")

    op.drop_table("email_address")
    with op.batch_alter_table("connection", schema=None) as batch_op:
        batch_op.drop_index("connection_recent_index")
        batch_op.drop_index(batch_op.f("connection_other_id_index"))

    op.drop_table("connection")
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.drop_index("batch_member_id_index")

    op.drop_table("batch")
    op.drop_table("adjacency")
    with op.batch_alter_table("throttle", schema=None) as batch_op:
        batch_op.drop_index("throttle_expires_at_index")

    op.drop_table("throttle")
    with op.batch_alter_table("member", schema=None) as batch_op:
        batch_op.drop_index("member_sort_key_index")
        batch_op.drop_index("member_name_key_index")
        batch_op.drop_index("member_field_index")
        batch_op.drop_index("member_degree_index")

    op.drop_table("member")
    op.drop_table("lease")
    op.drop_table("guest_address")
