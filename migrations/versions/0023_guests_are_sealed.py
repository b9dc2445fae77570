"""What an inviter wrote of a guest is sealed; and freed in time."""

import json

import sqlalchemy as sa
from alembic import op

from webapp import sealed

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

COLUMNS = {"address": sa.String(254), "name": sa.String(100), "facts": sa.JSON()}
NAMED = sa.text("name IS NOT NULL")


def guests(*columns):
    return sa.table("guest_invitation", sa.column("id", sa.Integer()), *columns)


def upgrade():
    replace(
        dict.fromkeys(COLUMNS, sa.LargeBinary()),
        COLUMNS,
        lambda name, value: sealed.wrap(json.dumps(value, ensure_ascii=False).encode(), f"guest_invitation.{name}"),
    )
    op.create_index(
        "guest_invitation_named_index", "guest_invitation", ["ended_at"], postgresql_where=NAMED, sqlite_where=NAMED
    )


def downgrade():
    op.drop_index("guest_invitation_named_index", "guest_invitation")
    replace(
        COLUMNS,
        dict.fromkeys(COLUMNS, sa.LargeBinary()),
        lambda name, value: json.loads(sealed.unwrap(bytes(value), f"guest_invitation.{name}")),
    )


def replace(kinds, before, change):
    """Give the columns another kind. In place: making the table anew would delete, by cascade, what refers to its rows."""
    for name, kind in kinds.items():
        op.add_column("guest_invitation", sa.Column(f"new_{name}", kind, nullable=True))
    old = sa.table("guest_invitation", sa.column("id"), *(sa.column(name, kind) for name, kind in before.items()))
    new = sa.table("guest_invitation", sa.column("id"), *(sa.column(f"new_{each}", kinds[each]) for each in kinds))
    connection = op.get_bind()
    for row in connection.execute(sa.select(old)).mappings().all():
        values = {f"new_{name}": change(name, row[name]) for name in before if row[name] is not None}
        if values:
            connection.execute(sa.update(new).where(new.c.id == row["id"]).values(values))
    for name in before:
        op.execute(f"ALTER TABLE guest_invitation DROP COLUMN {name}")
        op.execute(f"ALTER TABLE guest_invitation RENAME COLUMN new_{name} TO {name}")
