"""The reading of an address book: sealed parts under a key that only the member's browser holds.

Only `webapp/domain/contacts` may import this (a contract in pyproject.toml): whoever wants to know something of a book has to ask there.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import NOT_IN_BACKUPS, Base, Moment


class AddressBookImport(Base):
    """One reading of one address book; one a member. Without the browser's key it is noise, and no backup holds it."""

    __tablename__ = "address_book_import"
    # An id is never given again: the browser's cookie names it, and the seals are bound to it.
    __table_args__ = (
        CheckConstraint("state IN ('reading', 'ready')", name="state"),
        {"sqlite_autoincrement": True, "info": NOT_IN_BACKUPS},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), unique=True)
    sign_in_id: Mapped[int] = mapped_column(ForeignKey("sign_in.id", ondelete="CASCADE"), index=True)
    door: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10), default="reading")
    step: Mapped[int] = mapped_column(default=0)
    """The number of the page that is wanted next; a step takes it by compare-and-set."""
    read: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None] = mapped_column(default=None)
    tries: Mapped[int] = mapped_column(default=0)
    """Tries of the page that is wanted."""
    failure: Mapped[str] = mapped_column(String(20), default="")
    """Why the reading stopped for good, as a kind of ProviderError; empty while it goes on."""
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed: the access token and the cursor. Gone with the last page."""
    summary: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed: the account read, the counts of the sum, who has no box, what the screens show, the draft of the mail."""
    members: Mapped[int] = mapped_column(default=0)
    guests: Mapped[int] = mapped_column(default=0)
    member_ticks: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    """A bit a position of the members list: ticked. Positions say nothing without the sealed list."""
    guest_ticks: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    started_at: Mapped[datetime] = mapped_column(Moment)
    clicked_at: Mapped[datetime] = mapped_column(Moment)
    busy_until: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """A step is reading the wanted page until then."""
    wait_until: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """The provider asked to be left alone until then."""


class ImportPart(Base):
    """One sealed part: a page as it was read, rows of a file whose columns have no name yet, or a group of a list in its order."""

    __tablename__ = "import_part"
    __table_args__ = (
        CheckConstraint("kind IN ('page', 'table', 'member', 'guest', 'other', 'row')", name="kind"),
        {"info": NOT_IN_BACKUPS},
    )

    import_id: Mapped[int] = mapped_column(ForeignKey("address_book_import.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
