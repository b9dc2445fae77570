"""Second steps: what a member proves beside the password at signing in. Each kind has a table; one row of the first two is enough."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import KEYED, Base, Moment, sealed_for


class Authenticator(Base):
    """The secret that a member's authenticator app shares with us, wrapped by the instance's wrapping key. Here once it was confirmed."""

    __tablename__ = "authenticator"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary, info=sealed_for("authenticator {member_id}"))
    last_step: Mapped[int] = mapped_column(BigInteger)
    """The number of the half minute whose code was used last (RFC 6238). Only codes of later ones count, so each works once."""
    created_at: Mapped[datetime] = mapped_column(Moment)


class Passkey(Base):
    """A key pair on a member's device (WebAuthn). Here is its public half, with which nobody can sign in."""

    __tablename__ = "passkey"
    __table_args__ = (Index("passkey_member_id_index", "member_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(40))
    """What the member calls it, for their own list."""
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    user_handle: Mapped[bytes] = mapped_column(LargeBinary)
    """Under which random name the device keeps the account; the same for all passkeys of a member, and nothing else is called so."""
    transports: Mapped[list[str]] = mapped_column(JSON, default=list)
    """How the device can be reached, as the browser said; it makes the next question shorter."""
    sign_count: Mapped[int] = mapped_column(BigInteger)
    """How often the device says it was used. A lower number than before comes from a copy."""
    created_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """The day it was last used, as its first moment."""


class RecoveryCode(Base):
    """A code for whoever has lost the rest, as its keyed hash. With its use the row is gone."""

    __tablename__ = "recovery_code"
    __table_args__ = (Index("recovery_code_member_id_index", "member_id"),)

    hashed: Mapped[str] = mapped_column(String(64), primary_key=True, info=KEYED)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
