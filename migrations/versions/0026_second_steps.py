"""A second step at signing in: authenticator apps, passkeys, recovery codes."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def _of_member(table):
    return sa.ForeignKeyConstraint(["member_id"], ["member.id"], ondelete="CASCADE", name=f"{table}_member_id_fkey")


def upgrade():
    op.create_table(
        "authenticator",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        _of_member("authenticator"),
        sa.PrimaryKeyConstraint("member_id", name="authenticator_pkey"),
    )
    op.create_table(
        "passkey",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("user_handle", sa.LargeBinary(), nullable=False),
        sa.Column("transports", sa.JSON(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        _of_member("passkey"),
        sa.PrimaryKeyConstraint("id", name="passkey_pkey"),
        sa.UniqueConstraint("credential_id", name="passkey_credential_id_unique"),
    )
    op.create_index("passkey_member_id_index", "passkey", ["member_id"])
    op.create_table(
        "recovery_code",
        sa.Column("hashed", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        _of_member("recovery_code"),
        sa.PrimaryKeyConstraint("hashed", name="recovery_code_pkey"),
    )
    op.create_index("recovery_code_member_id_index", "recovery_code", ["member_id"])


def downgrade():
    op.drop_table("recovery_code")
    op.drop_table("passkey")
    op.drop_table("authenticator")
