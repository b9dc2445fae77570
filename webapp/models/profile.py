"""What members say about themselves, and to whom: audiences, contact information, experience, skills."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import KEYED, Base, Moment

AUDIENCES = ("me", "connections", "members", "public")
"""Who sees something, from the fewest to the most."""
CONTACT_KINDS = ("phone", "email", "site", "address", "birthday", "messenger")
SECTIONS = ("experience", "education")


class ProfileField(Base):
    """A field or section of a profile with another audience than "members".

    What the audience is narrower than all members holds its value here, and the member's column of that name is empty: whatever reads
    that column (a list, a search, a mail) can neither show nor find it. A public field keeps its value in the column.
    """

    __tablename__ = "profile_field"
    __table_args__ = (CheckConstraint("audience IN ('me', 'connections', 'public')", name="audience"),)

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    audience: Mapped[str] = mapped_column(String(12))
    value: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True, default=None)


class ProfileLink(Base):
    """The keyed hash of a page elsewhere that a member links to, for every member to see: who has it in an address book finds them."""

    __tablename__ = "profile_link"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True)
    lookup: Mapped[str] = mapped_column(String(64), primary_key=True, index=True, info=KEYED)


class ContactInfo(Base):
    """One way to reach a member, as the member gives it to others: never taken from the account, each with an audience of its own."""

    __tablename__ = "contact_info"
    __table_args__ = (
        CheckConstraint(f"kind IN {CONTACT_KINDS}", name="kind"),
        CheckConstraint(f"audience IN {AUDIENCES}", name="audience"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    label: Mapped[str] = mapped_column(String(40))
    """What kind of a phone or address: "Work", "Signal"; empty for none."""
    value: Mapped[str] = mapped_column(String(300))
    audience: Mapped[str] = mapped_column(String(12))
    changed_at: Mapped[datetime] = mapped_column(Moment)
    """When the label or the value was last changed."""


class ProfileEntry(Base):
    """A position somebody held, or what they learned somewhere, with its years."""

    __tablename__ = "profile_entry"
    __table_args__ = (
        CheckConstraint(f"section IN {SECTIONS}", name="section"),
        CheckConstraint("to_year IS NULL OR to_year >= from_year", name="years"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    section: Mapped[str] = mapped_column(String(10))
    what: Mapped[str] = mapped_column(String(120))
    at: Mapped[str] = mapped_column(String(120))
    from_year: Mapped[int]
    to_year: Mapped[int | None] = mapped_column(default=None)
    """None: it goes on."""


class Skill(Base):
    """Something a member can do, in an order of their own."""

    __tablename__ = "skill"
    __table_args__ = (
        UniqueConstraint("member_id", "name_key"),
        Index("skill_rank_index", "member_id", "rank"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(40))
    name_key: Mapped[str] = mapped_column(String(200))
    """The folded name: nobody lists a skill twice."""
    rank: Mapped[int]


class Endorsement(Base):
    """One member says that another can do this. It counts while the two are connected, and comes back with the connection."""

    __tablename__ = "endorsement"

    skill_id: Mapped[int] = mapped_column(ForeignKey("skill.id", ondelete="CASCADE"), primary_key=True)
    by_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), primary_key=True, index=True)
    hidden_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """When the owner of the skill hid it."""
    created_at: Mapped[datetime] = mapped_column(Moment)
