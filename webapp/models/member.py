"""Members: their account, their addresses, their sign-ins, their photo."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    bindparam,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.models.base import KEYED, Base, Moment

DIGESTS = ("each", "daily", "weekly", "none")
SPECIAL = "verified_at IS NULL OR is_operator OR silenced_until IS NOT NULL"
"""The few of all members whom operators list: an index is used where a statement says the same, word for word."""
DIGESTED = "digest IN ('daily', 'weekly')"
HIDDEN = "suspended_at IS NOT NULL OR deleted_at IS NOT NULL"
"""The same, of who is as if gone for all others."""


class Member(Base):
    """Someone with an account. Until an address is verified (`verified_at`), nobody else can see, find or match it."""

    __tablename__ = "member"
    __table_args__ = (
        CheckConstraint("findable IN ('everyone', 'second', 'nobody')", name="findable"),
        CheckConstraint("askable IN ('everyone', 'near', 'nobody')", name="askable"),
        CheckConstraint("connections_shown IN ('nobody', 'connections', 'members')", name="connections_shown"),
        CheckConstraint("degree >= 0", name="degree"),
        CheckConstraint(f"digest IN {DIGESTS}", name="digest"),
        CheckConstraint("writable IN ('connections', 'members')", name="writable"),
        Index(
            "member_digest_index",
            "digested_at",
            postgresql_where=text(DIGESTED),
            sqlite_where=text(DIGESTED),
        ),
        Index(
            "member_hidden_index",
            "id",
            postgresql_where=text(HIDDEN),
            sqlite_where=text(HIDDEN),
        ),
        Index("member_special_index", "id", postgresql_where=text(SPECIAL), sqlite_where=text(SPECIAL)),
        Index("member_degree_index", "degree", "id"),
        Index("member_name_key_index", "name_key", "id"),
        Index("member_sort_key_index", "sort_key", "id"),
        Index("member_likeness_index", "likeness"),
        Index("member_field_index", "field", "degree"),
        Index("member_organisation_index", "organisation", "degree"),
        Index("member_cohort_index", "cohort", "degree"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    handle: Mapped[str] = mapped_column(String(120), unique=True)
    """The folded name, a dash and four random letters; stable, and never counts."""
    name: Mapped[str] = mapped_column(String(100))
    sort_as: Mapped[str] = mapped_column(String(100), default="")
    """Under which name to sort; empty: the last word of the name."""
    name_key: Mapped[str] = mapped_column(String(200))
    """The folded name, to sort by first name."""
    sort_key: Mapped[str] = mapped_column(String(300))
    """The folded `sort_as` (or last word) and name, to sort by last name."""
    likeness: Mapped[str] = mapped_column(String(200), default="", server_default="")
    """What the name looks like, to find another that is hard to tell apart."""
    search_text: Mapped[str] = mapped_column(Text, default="")
    """What a search finds, folded: the words of the name, a /, the words of the rest, and a mark for each value one can filter by."""
    password_hash: Mapped[str] = mapped_column(String(200))
    headline: Mapped[str] = mapped_column(String(160), default="")
    organisation: Mapped[str] = mapped_column(String(120), default="")
    title: Mapped[str] = mapped_column(String(120), default="")
    field: Mapped[str] = mapped_column(String(60), default="")
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    place: Mapped[str] = mapped_column(String(120), default="")
    cohort: Mapped[str] = mapped_column(String(60), default="")
    roster_cohort: Mapped[str] = mapped_column(String(60), default="", server_default="")
    """The cohort that the operators' roster has beside an address of the member's; seen by who sees `cohort`."""
    about: Mapped[str] = mapped_column(Text, default="")
    links: Mapped[list[str]] = mapped_column(JSON, default=list)
    photo: Mapped[str | None] = mapped_column(String(32), default=None)
    """The photo's random name; None: initials are shown."""
    degree: Mapped[int] = mapped_column(default=0, server_default="0")
    """The number of connections, kept in the transaction that changes them."""
    mentors: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Whether this member offers mentoring, and is shown as somebody who does."""
    findable: Mapped[str] = mapped_column(String(10), default="everyone", server_default="everyone")
    """Who can find this member by an e-mail address they hold."""
    askable: Mapped[str] = mapped_column(String(10), default="everyone", server_default="everyone")
    """Who may ask this member to connect."""
    connections_shown: Mapped[str] = mapped_column(String(12), default="connections", server_default="connections")
    """Who may look through this member's connections."""
    unlisted: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Stands in nobody's list of connections but their own, and is never told as a mutual one."""
    unsuggested: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Is suggested to nobody."""
    digest: Mapped[str] = mapped_column(String(10), default="each", server_default="each")
    """How often mails of events come: each by itself, gathered once a day or once a week, or never."""
    digested_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """Until when a digest has told what happened."""
    mails_message_text: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Whether the mail about a message says what it says."""
    writable: Mapped[str] = mapped_column(String(12), default="connections", server_default="connections")
    """Who may write to this member without being connected."""
    shows_reading: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Whether others learn how far this member has read; only those who show it, too."""
    announces_connections: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """Whether connections hear of this member's new connections; the other of each pair must allow it, too."""
    is_operator: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    verified_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    suspended_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """Since when operators let the member see one page only, which says so. For all others they are as if gone.

    The same hides who waits to be let in (`Applicant`).
    """
    silenced_until: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """Until when operators let the member invite nobody."""
    deleted_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """When deletion was asked for (`Departure`). From then on the member is for all others as if gone."""

    # What Flask-Login asks of a user, and which sign-in brought the member here. None of it is stored.
    is_authenticated = True
    is_anonymous = False
    sign_in_token = ""
    sign_in_id = 0
    sign_in_seen_at = datetime.max.replace(tzinfo=UTC)

    @property
    def is_active(self) -> bool:
        """Whether the member may sign in: everybody; who is suspended gets one page, which says so (`web/access.py`)."""
        return True

    def get_id(self) -> str:
        """Return what the cookie carries: the random token of the sign-in, never the member's id."""
        return self.sign_in_token

    @property
    def is_visible(self) -> bool:
        """Whether others may see that this member exists."""
        return self.verified_at is not None and self.suspended_at is None and self.deleted_at is None


class AnyViewer:
    """Stands for the viewer in a statement that is built once; whose id `viewer` is, is said when it runs."""

    id = bindparam("viewer", type_=Integer)


IN_LISTS = (Member.id, Member.handle, Member.name, Member.headline, Member.photo)
"""What every list shows of somebody."""


def visible(who: Any = None) -> Any:
    """The SQL condition of `Member.is_visible`, or that of an alias."""
    who = who or Member
    return (who.verified_at.is_not(None)) & (who.suspended_at.is_(None)) & (who.deleted_at.is_(None))


class EmailAddress(Base):
    """An address of a member; unique among the verified ones only."""

    __tablename__ = "email_address"
    __table_args__ = (
        Index(
            "email_address_verified_lookup",
            "lookup",
            unique=True,
            postgresql_where=text("verified_at IS NOT NULL"),
            sqlite_where=text("verified_at IS NOT NULL"),
        ),
        Index(
            "email_address_one_primary",
            "member_id",
            unique=True,
            postgresql_where=text("is_primary"),
            sqlite_where=text("is_primary"),
        ),
        Index(
            "email_address_unverified_index",
            "created_at",
            postgresql_where=text("verified_at IS NULL"),
            sqlite_where=text("verified_at IS NULL"),
        ),
        Index("email_address_lookup_index", "lookup"),
        Index("email_address_member_id_index", "member_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(String(254))
    lookup: Mapped[str] = mapped_column(String(64), info=KEYED)
    """The keyed hash (HMAC-SHA-256, hexadecimal) of the comparison key; matching never sees the address itself."""
    verified_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    is_primary: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Moment)
    member: Mapped[Member] = relationship(lazy="raise")


class SignIn(Base):
    """One signed-in browser. The cookie carries a random token, this row its digest, so that ending the row ends the sign-in."""

    __tablename__ = "sign_in"
    __table_args__ = (
        Index("sign_in_member_id_index", "member_id"),
        Index("sign_in_seen_at_index", "seen_at"),
        Index("sign_in_created_at_index", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    agent: Mapped[str] = mapped_column(String(80), default="")
    """Browser and system in two words, for the member's own list."""
    created_at: Mapped[datetime] = mapped_column(Moment)
    seen_at: Mapped[datetime] = mapped_column(Moment)


class LogIn(Base):
    """An account elsewhere with which a member signs in: the provider's name for itself and for them. Nothing else of it is kept."""

    __tablename__ = "log_in"
    __table_args__ = (UniqueConstraint("issuer", "subject"), Index("log_in_member_id_index", "member_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    door: Mapped[str] = mapped_column(String(20))
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(Moment)


class AppPassword(Base):
    """A password that one device reads its member's address book with, and that opens nothing else. Kept as its keyed hash."""

    __tablename__ = "app_password"
    __table_args__ = (Index("app_password_member_id_index", "member_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(40))
    """What the member calls the device, for their own list."""
    hashed: Mapped[str] = mapped_column(String(64), unique=True, info=KEYED)
    created_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """The day it was last used, as its first moment: no finer, so that it is written once a day."""


class Ticket(Base):
    """Something that can be used once and ends by itself: a reset link, a confirmation link, the state of a consent."""

    __tablename__ = "ticket"
    __table_args__ = (Index("ticket_expires_at_index", "expires_at"), Index("ticket_member_id_index", "member_id"))

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(30))
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    expires_at: Mapped[datetime] = mapped_column(Moment)


class Throttle(Base):
    """A counter of attempts in a window of time, shared by all processes and kept over a restart."""

    __tablename__ = "throttle"
    __table_args__ = (Index("throttle_expires_at_index", "expires_at"),)

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime] = mapped_column(Moment)


class Photo(Base):
    """A member's photo in the sizes pages show, re-encoded by us."""

    __tablename__ = "photo"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    pixels: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id", ondelete="CASCADE"), index=True)
    webp: Mapped[bytes] = mapped_column(LargeBinary)
