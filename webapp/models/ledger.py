"""A member's own record of what was read of their address books, sent because of it, and forgotten: numbers and dates, no names.

And the count of look-ups, which is all that outlives a book.
"""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.chain import FIRST, Plain
from webapp.models.base import Base, Moment


class ContactsLedger(Base):
    """Where a member's ledger ends. Whoever adds lines locks this row first, so that no two follow the same line."""

    __tablename__ = "contacts_ledger"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    lines: Mapped[int] = mapped_column(default=0)
    digest: Mapped[str] = mapped_column(String(64), default=FIRST)


class ContactsLedgerLine(Base):
    """One line: what was done, when, with which numbers, and the digest that chains it to the line before (`webapp/chain.py`)."""

    __tablename__ = "contacts_ledger_line"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Moment)
    what: Mapped[str] = mapped_column(String(20))
    facts: Mapped[dict[str, Plain]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(String(64))


class LookupCharge(Base):
    """How many addresses a member had compared, and when. A count; no address and no list of them is kept."""

    __tablename__ = "lookup_charge"
    __table_args__ = (
        Index("lookup_charge_member_id_index", "member_id", "at"),
        Index("lookup_charge_at_index", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(Moment)
    addresses: Mapped[int]
