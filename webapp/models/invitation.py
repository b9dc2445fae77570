"""Invitations by mail to people who are not members, and the batches in which anything is sent."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import KEYED, Base, Moment, Sealed


class Batch(Base):
    """One press of a sending button. Undo is for the whole batch."""

    __tablename__ = "batch"
    __table_args__ = (Index("batch_member_id_index", "member_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    """A random name for addresses; ids of others cannot be guessed from it."""
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    held_until: Mapped[datetime] = mapped_column(Moment)
    from_contacts: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Whether an address book that was read led to it: what becomes of it is a line of the member's contacts ledger."""


class GuestInvitation(Base):
    """One inviter's invitation of one address.

    What the inviter sees is `state`. What must not be seen (declined, opted out, hidden member) stands in `quiet_at`: outwardly such
    an invitation stays "invited" until its 30 days end.
    """

    __tablename__ = "guest_invitation"
    __table_args__ = (
        UniqueConstraint("inviter_id", "lookup"),
        CheckConstraint(
            "state IN ('held', 'queued', 'invited', 'uncertain', 'failed', 'accepted', 'withdrawn', 'expired')",
            name="state",
        ),
        Index("guest_invitation_lookup_index", "lookup"),
        Index("guest_invitation_due_index", "state", "leaves_at"),
        Index("guest_invitation_batch_id_index", "batch_id"),
        Index(
            "guest_invitation_named_index",
            "ended_at",
            postgresql_where=text("name IS NOT NULL"),
            sqlite_where=text("name IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    inviter_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    lookup: Mapped[str] = mapped_column(String(64), info=KEYED)
    """The keyed hash of the address; it outlives the address."""
    address: Mapped[str | None] = mapped_column(Sealed("guest_invitation.address"))
    """The address, as long as the invitation is open; freed the night after its end."""
    name: Mapped[str | None] = mapped_column(Sealed("guest_invitation.name"), default="")
    """What the inviter calls them; freed GUEST_LINK_DAYS after the end, and the row shown no more."""
    state: Mapped[str] = mapped_column(String(10))
    quiet_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    quiet_reason: Mapped[str] = mapped_column(String(20), default="")
    """`declined`, `opted_out`, `not_me`, `blocked`, `member_ignored`, `erased`: never shown to the inviter."""
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("batch.id", ondelete="SET NULL"))
    facts: Mapped[dict[str, Any]] = mapped_column(Sealed("guest_invitation.facts"), nullable=True, default=dict)
    """What the preview showed, frozen: the inviter's name and headline, the note, whether answers go to the inviter, the source.
    Freed with the name."""
    created_at: Mapped[datetime] = mapped_column(Moment)
    leaves_at: Mapped[datetime] = mapped_column(Moment)
    """When the hold (or the queue) ends."""
    mailed_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """When this invitation's own mail left; None where the address had one from somebody else, or none."""
    expires_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    joined_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"), index=True)
    """The member who turned out to hold the address, once that was resolved; shown to the inviter only after acceptance."""


class Inquiry(Base):
    """Somebody asks what is held about an address. It is kept, sealed, only until the mail that answers has left."""

    __tablename__ = "inquiry"
    __table_args__ = (Index("inquiry_created_at_index", "created_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(Sealed("inquiry.address"))
    lookup: Mapped[str] = mapped_column(String(64), info=KEYED)
    created_at: Mapped[datetime] = mapped_column(Moment)


class GuestAddress(Base):
    """What the instance remembers of an address outside: when it was last mailed, its living link, and whether it wants no more.

    The key is a keyed hash; no address stands here. One row an address makes "one mail in 365 days" a matter of one conditional update.
    """

    __tablename__ = "guest_address"
    __table_args__ = (
        Index("guest_address_mailed_at_index", "mailed_at"),
        Index(
            "guest_address_opted_out_index",
            "opted_out_at",
            postgresql_where=text("opted_out_at IS NOT NULL"),
            sqlite_where=text("opted_out_at IS NOT NULL"),
        ),
    )

    lookup: Mapped[str] = mapped_column(String(64), primary_key=True, info=KEYED)
    mailed_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    link_digest: Mapped[str | None] = mapped_column(String(64), unique=True)
    link_expires_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    opted_out_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    undeliverable_until: Mapped[datetime | None] = mapped_column(Moment, default=None)
