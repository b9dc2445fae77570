"""When a mail last could have said with whom it is time to get in touch."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("card_key", sa.Column("reminded_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.create_index("card_key_reminded_at_index", "card_key", ["reminded_at"], unique=False)


def downgrade():
    op.drop_index("card_key_reminded_at_index", table_name="card_key")
    op.drop_column("card_key", "reminded_at")
