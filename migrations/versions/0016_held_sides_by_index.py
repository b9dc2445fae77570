"""The indexes of what is held say it as SQLite is asked for it: else it does not use them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade():
    _indexes(" = 1")


def downgrade():
    _indexes("")


def _indexes(equal):
    for side in ("low", "high"):
        name = f"relationship_{side}_due_index"
        op.drop_index(name, "relationship")
        op.create_index(
            name,
            "relationship",
            [f"{side}_leaves_at"],
            sqlite_where=sa.text(f"{side}_held{equal}"),
            postgresql_where=sa.text(f"{side}_held"),
        )
