"""Who answered or removed whom lately, by key."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade():
    some = sa.text("undo_by_id IS NOT NULL")
    op.create_index(
        "relationship_undo_index",
        "relationship",
        ["undo_by_id", "undo_until"],
        sqlite_where=some,
        postgresql_where=some,
    )


def downgrade():
    op.drop_index("relationship_undo_index", "relationship")
