"""When a saved search last mailed whom it found."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("saved_search", sa.Column("mailed_at", sa.BigInteger(), nullable=True))


def downgrade():
    op.drop_column("saved_search", "mailed_at")
