"""What a notification is about."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("notification", sa.Column("about", sa.String(length=40), server_default="", nullable=False))
    op.create_index("notification_about_index", "notification", ["kind", "about"], unique=False)


def downgrade():
    op.drop_index("notification_about_index", "notification")
    with op.batch_alter_table("notification") as batch:
        batch.drop_column("about")
