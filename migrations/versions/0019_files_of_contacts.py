"""Files of contacts: columns without a name, what became of each row, and profiles elsewhere that members are found by."""

import sqlalchemy as sa
from alembic import op

from webapp import tokens
from webapp.addresses import profile_link

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

BEFORE, AFTER = "('page', 'member', 'guest', 'other')", "('page', 'table', 'member', 'guest', 'other', 'row')"


def kinds(allowed):
    with op.batch_alter_table("import_part") as batch:
        batch.drop_constraint(op.f("import_part_kind"), type_="check")
        batch.create_check_constraint(op.f("import_part_kind"), f"kind IN {allowed}")


def upgrade():
    kinds(AFTER)
    link = op.create_table(
        "profile_link",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("lookup", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("profile_link_member_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("member_id", "lookup", name=op.f("profile_link_pkey")),
    )
    op.create_index(op.f("profile_link_lookup_index"), "profile_link", ["lookup"])
    member = sa.table("member", sa.column("id", sa.Integer()), sa.column("links", sa.JSON()))
    pages = [(row.id, profile_link(each)) for row in op.get_bind().execute(sa.select(member)) for each in row.links]
    rows = {(member_id, tokens.keyed_hash(page)) for member_id, page in pages if page}
    if rows:
        op.bulk_insert(link, [{"member_id": member_id, "lookup": lookup} for member_id, lookup in sorted(rows)])


def downgrade():
    op.execute("DELETE FROM address_book_import")
    op.drop_table("profile_link")
    kinds(BEFORE)
