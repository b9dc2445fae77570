"""What members want to hear of, and how."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WERE = (("mails_invitations", "invitation"), ("mails_acceptances", "connected"))
WANTED = sa.column("wanted", sa.Boolean())
UNREAD = sa.text("read_at IS NULL")
DIGESTED = sa.text("digest IN ('daily', 'weekly')")
SETTLED = sa.text("state NOT IN ('queued', 'claimed')")


def upgrade():
    op.create_table(
        "event_choice",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=30), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.CheckConstraint("channel IN ('app', 'email')", name=op.f("event_choice_channel")),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("event_choice_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("member_id", "event", "channel", name=op.f("event_choice_pkey")),
    )
    choice = sa.table("event_choice", *map(sa.column, ("member_id", "event", "channel")), WANTED)
    for column, event in WERE:
        was = sa.table("member", sa.column("id"), sa.column(column, sa.Boolean()))
        chosen = sa.select(was.c.id, sa.literal(event), sa.literal("email"), sa.false()).where(~was.c[column])
        op.execute(sa.insert(choice).from_select(["member_id", "event", "channel", "wanted"], chosen))
        op.drop_column("member", column)
    # A column with its check in one statement: SQLite can add it so without copying the table.
    op.execute(
        "ALTER TABLE member ADD COLUMN digest VARCHAR(10) DEFAULT 'each' NOT NULL "
        "CONSTRAINT member_digest CHECK (digest IN ('each', 'daily', 'weekly', 'none'))"
    )
    op.add_column("member", sa.Column("digested_at", sa.BigInteger(), nullable=True))
    op.create_index("member_digest_index", "member", ["digested_at"], postgresql_where=DIGESTED, sqlite_where=DIGESTED)
    op.add_column("notification", sa.Column("shown", sa.Boolean(), server_default=sa.text("(true)"), nullable=False))
    op.drop_index("notification_about_index", "notification")
    op.create_index("notification_about_index", "notification", ["kind", "about", "member_id", "visible_from"])
    op.create_index("notification_read_at_index", "notification", ["read_at"])
    op.create_index(
        "notification_unread_index",
        "notification",
        ["member_id", "visible_from"],
        postgresql_where=UNREAD,
        sqlite_where=UNREAD,
    )
    op.create_index(
        "outgoing_mail_settled_index", "outgoing_mail", ["created_at"], postgresql_where=SETTLED, sqlite_where=SETTLED
    )


def downgrade():
    op.drop_index("outgoing_mail_settled_index", "outgoing_mail")
    for name in ("notification_unread_index", "notification_read_at_index", "notification_about_index"):
        op.drop_index(name, "notification")
    op.create_index("notification_about_index", "notification", ["kind", "about"])
    op.drop_column("notification", "shown")
    op.drop_index("member_digest_index", "member")
    op.drop_column("member", "digested_at")
    op.drop_column("member", "digest")
    choice = sa.table("event_choice", sa.column("member_id"), sa.column("event"), sa.column("channel"), WANTED)
    for column, event in WERE:
        op.add_column("member", sa.Column(column, sa.Boolean(), server_default=sa.text("(true)"), nullable=False))
        member = sa.table("member", sa.column("id"), sa.column(column))
        unwanted = sa.select(choice.c.member_id).where(
            choice.c.event == event, choice.c.channel == "email", ~choice.c.wanted
        )
        op.execute(sa.update(member).values({column: sa.false()}).where(member.c.id.in_(unwanted)))
    op.drop_table("event_choice")
