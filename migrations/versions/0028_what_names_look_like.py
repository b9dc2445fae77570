"""What each name looks like, to find one that is hard to tell apart."""

import sqlalchemy as sa
from alembic import op

from webapp.domain import names

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("member", sa.Column("likeness", sa.String(length=200), server_default="", nullable=False))
    member = sa.table("member", sa.column("id"), sa.column("name"), sa.column("likeness"))
    bind, last = op.get_bind(), 0
    changed = sa.update(member).where(member.c.id == sa.bindparam("of")).values(likeness=sa.bindparam("like"))
    some = sa.select(member.c.id, member.c.name).order_by(member.c.id).limit(1000)
    while rows := bind.execute(some.where(member.c.id > last)).all():
        last = rows[-1].id
        bind.execute(changed, [{"of": row.id, "like": names.likeness(row.name)} for row in rows])
    op.create_index("member_likeness_index", "member", ["likeness"])


def downgrade():
    op.drop_index("member_likeness_index", "member")
    op.drop_column("member", "likeness")
