"""What members say about themselves, and to whom."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _owner(table):
    return sa.ForeignKeyConstraint(
        ["member_id"], ["member.id"], name=op.f(f"{table}_member_id_fkey"), ondelete="CASCADE"
    )


def upgrade():
    op.create_table(
        "profile_field",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("audience", sa.String(length=12), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.CheckConstraint("audience IN ('me', 'connections', 'public')", name=op.f("profile_field_audience")),
        _owner("profile_field"),
        sa.PrimaryKeyConstraint("member_id", "name", name=op.f("profile_field_pkey")),
    )
    op.create_table(
        "contact_info",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=False),
        sa.Column("value", sa.String(length=300), nullable=False),
        sa.Column("audience", sa.String(length=12), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('phone', 'email', 'site', 'address', 'birthday', 'messenger')", name=op.f("contact_info_kind")
        ),
        sa.CheckConstraint(
            "audience IN ('me', 'connections', 'members', 'public')", name=op.f("contact_info_audience")
        ),
        _owner("contact_info"),
        sa.PrimaryKeyConstraint("id", name=op.f("contact_info_pkey")),
        sa.UniqueConstraint("key", name=op.f("contact_info_key_unique")),
    )
    op.create_index(op.f("contact_info_member_id_index"), "contact_info", ["member_id"], unique=False)
    op.create_table(
        "profile_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("section", sa.String(length=10), nullable=False),
        sa.Column("what", sa.String(length=120), nullable=False),
        sa.Column("at", sa.String(length=120), nullable=False),
        sa.Column("from_year", sa.Integer(), nullable=False),
        sa.Column("to_year", sa.Integer(), nullable=True),
        sa.CheckConstraint("section IN ('experience', 'education')", name=op.f("profile_entry_section")),
        sa.CheckConstraint("to_year IS NULL OR to_year >= from_year", name=op.f("profile_entry_years")),
        _owner("profile_entry"),
        sa.PrimaryKeyConstraint("id", name=op.f("profile_entry_pkey")),
        sa.UniqueConstraint("key", name=op.f("profile_entry_key_unique")),
    )
    op.create_index(op.f("profile_entry_member_id_index"), "profile_entry", ["member_id"], unique=False)
    op.create_table(
        "skill",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("name_key", sa.String(length=200), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        _owner("skill"),
        sa.PrimaryKeyConstraint("id", name=op.f("skill_pkey")),
        sa.UniqueConstraint("key", name=op.f("skill_key_unique")),
        sa.UniqueConstraint("member_id", "name_key", name=op.f("skill_member_id_name_key_unique")),
    )
    op.create_index("skill_rank_index", "skill", ["member_id", "rank"], unique=False)
    op.create_table(
        "endorsement",
        sa.Column("skill_id", sa.Integer(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("hidden_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["member.id"], name=op.f("endorsement_by_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["skill_id"], ["skill.id"], name=op.f("endorsement_skill_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("skill_id", "by_id", name=op.f("endorsement_pkey")),
    )
    op.create_index(op.f("endorsement_by_id_index"), "endorsement", ["by_id"], unique=False)


def downgrade():
    for table in ("endorsement", "skill", "profile_entry", "contact_info", "profile_field"):
        op.drop_table(table)
