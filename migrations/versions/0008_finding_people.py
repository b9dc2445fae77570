"""What people are found by: words and marks, indexed; and who offers mentoring."""

import sqlalchemy as sa
from alembic import op

from webapp.domain import names

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SEEN = "{0}.verified_at IS NOT NULL AND {0}.suspended_at IS NULL AND {0}.deleted_at IS NULL"
ADD = f"INSERT INTO member_words(rowid, words) SELECT new.id, new.search_text WHERE {SEEN.format('new')}"
TAKE = (
    "INSERT INTO member_words(member_words, rowid, words)"
    f" SELECT 'delete', old.id, old.search_text WHERE {SEEN.format('old')}"
)
OPTIONS = "content='', detail=none, columnsize=0, prefix='1 2 3 4 5', tokenize=\"ascii tokenchars '_'\""
CHANGES = "search_text, verified_at, suspended_at, deleted_at"
SQLITE = (
    f"CREATE VIRTUAL TABLE member_words USING fts5(words, {OPTIONS})",
    f"CREATE TRIGGER member_words_insert AFTER INSERT ON member BEGIN {ADD}; END",
    f"CREATE TRIGGER member_words_update AFTER UPDATE OF {CHANGES} ON member BEGIN {TAKE}; {ADD}; END",
    f"CREATE TRIGGER member_words_delete AFTER DELETE ON member BEGIN {TAKE}; END",
    f"INSERT INTO member_words(rowid, words) SELECT id, search_text FROM member WHERE {SEEN.format('member')}",  # noqa: S608 - all of it stands here
)
SKILLS = sa.text(
    "SELECT member_id, name FROM skill WHERE member_id BETWEEN :first AND :last AND NOT EXISTS"
    " (SELECT 1 FROM profile_field f WHERE f.member_id = skill.member_id AND f.name = 'skills' AND f.audience != 'public')"
    " ORDER BY member_id, rank, id"
)


def upgrade():
    op.add_column("member", sa.Column("mentors", sa.Boolean(), server_default=sa.text("(false)"), nullable=False))
    _write_anew()
    if op.get_bind().dialect.name == "sqlite":
        for statement in SQLITE:
            op.execute(statement)
    else:
        op.create_index(
            "member_words_index",
            "member",
            [sa.text("array_to_tsvector(string_to_array(btrim(search_text), ' '))")],
            postgresql_using="gin",
            postgresql_where=sa.text("verified_at IS NOT NULL AND suspended_at IS NULL AND deleted_at IS NULL"),
        )


def _write_anew():
    """Write the text of every member anew: the marks of the values one can filter by were not in it."""
    columns = ("id", "name", "headline", "title", *names.FACETS, "tags", "mentors", "search_text")
    member = sa.table("member", *(sa.column(name, sa.JSON() if name == "tags" else None) for name in columns))
    bind = op.get_bind()
    changed = sa.update(member).where(member.c.id == sa.bindparam("of")).values(search_text=sa.bindparam("text"))
    last = 0
    while rows := bind.execute(sa.select(member).where(member.c.id > last).order_by(member.c.id).limit(1000)).all():
        last = rows[-1].id
        skills = {}
        for skill in bind.execute(SKILLS, {"first": rows[0].id, "last": last}):
            skills.setdefault(skill.member_id, []).append(skill.name)
        bind.execute(changed, [{"of": row.id, "text": names.searchable(row, skills.get(row.id, ()))} for row in rows])


def downgrade():
    if op.get_bind().dialect.name == "sqlite":
        for name in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER member_words_{name}")
        op.execute("DROP TABLE member_words")
    else:
        op.drop_index("member_words_index", "member")
    op.drop_column("member", "mentors")
