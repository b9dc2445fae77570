"""Joining: who waits until operators let them in, and the list of those who belong here."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import KEYED, Base, Moment


class Applicant(Base):
    """Somebody who would like to join where operators decide; the row ends with the decision.

    Until then `Member.suspended_at` hides them from everybody, so that nothing else has to know of it.
    """

    __tablename__ = "applicant"
    __table_args__ = (
        CheckConstraint("decision IN ('', 'approved', 'declined', 'going')", name="decision"),
        Index("applicant_waits_since_index", "waits_since", "member_id"),
        Index("applicant_decided_by_id_index", "decided_by_id"),
    )

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    why: Mapped[str] = mapped_column(Text, default="")
    """Why they would like to join, in their words; for operators."""
    waits_since: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """None: the address is not proven yet, so nobody is asked."""
    accepts: Mapped[list[int]] = mapped_column(JSON, default=list)
    """The numbers of the invitations by mail they said yes to (`GuestInvitation`): with whom they are connected once they are in."""
    decision: Mapped[str] = mapped_column(String(10), default="", server_default="")
    """What an operator pressed; it can be taken back for UNDO_SECONDS. `going`: declined for good, and being deleted."""
    decided_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"), default=None)


class RosterEntry(Base):
    """An address that belongs here, as its keyed hash alone: nobody can read it, mail it or show it."""

    __tablename__ = "roster_entry"
    __table_args__ = (Index("roster_entry_cohort_index", "cohort", "added_at"),)

    lookup: Mapped[str] = mapped_column(String(64), primary_key=True, info=KEYED)
    cohort: Mapped[str] = mapped_column(String(60), default="")
    added_at: Mapped[datetime] = mapped_column(Moment)
