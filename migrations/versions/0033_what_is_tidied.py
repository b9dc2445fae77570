"""What the tidying of every minute looks for has indexes: it read five tables from end to end."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

UNVERIFIED = sa.text("verified_at IS NULL")
PLAIN = (
    ("outgoing_mail_created_at_index", "outgoing_mail", "created_at"),
    ("lookup_charge_at_index", "lookup_charge", "at"),
    ("mute_until_index", "mute", "until"),
    ("guest_address_mailed_at_index", "guest_address", "mailed_at"),
    ("sign_in_seen_at_index", "sign_in", "seen_at"),
    ("sign_in_created_at_index", "sign_in", "created_at"),
)


def upgrade():
    op.create_index(
        "email_address_unverified_index",
        "email_address",
        ["created_at"],
        unique=False,
        sqlite_where=UNVERIFIED,
        postgresql_where=UNVERIFIED,
    )
    for name, table, column in PLAIN:
        op.create_index(name, table, [column], unique=False)


def downgrade():
    for name, table, _column in PLAIN:
        op.drop_index(name, table_name=table)
    op.drop_index("email_address_unverified_index", table_name="email_address")
