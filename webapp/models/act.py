"""What operators do about members: a log to which lines are added, and of which none is changed or taken away."""

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, CheckConstraint, ForeignKey, String, event
from sqlalchemy.orm import Mapped, mapped_column

from webapp.models.base import Base, Moment

KINDS = (
    "suspended",
    "lifted",
    "silenced",
    "unsilenced",
    "settled",
    "deleted",
    "kept",
    "signed_out",
    "approved",
    "declined",
)


class Act(Base):
    """One line. Its digest covers the digest of the line before, so nobody can change, take out or put in one unnoticed.

    Whom it concerns, who did it and why stand in it as a seal (a digest with a salt) beside the words themselves. When an account is
    deleted, words and salt go and the seal stays as noise; the line still counts, and the chain still holds.
    """

    __tablename__ = "act"
    __table_args__ = (CheckConstraint(f"kind IN {KINDS}", name="kind"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Moment)
    kind: Mapped[str] = mapped_column(String(12))
    until: Mapped[datetime | None] = mapped_column(Moment, default=None)
    """Until when it holds, where it ends by itself."""
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"), index=True)
    reason: Mapped[str] = mapped_column(String(1000), default="", server_default="")
    member_salt: Mapped[str] = mapped_column(String(32), default="", server_default="")
    member_seal: Mapped[str] = mapped_column(String(64))
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("member.id", ondelete="SET NULL"), index=True)
    operator_salt: Mapped[str] = mapped_column(String(32), default="", server_default="")
    operator_seal: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))


# The database itself refuses what no verb of ours does. All that may happen to a line is that an account is taken out of it.
STAYS = "The log of what operators do cannot be changed."
_FIXED = ("number", "at", "kind", "until", "member_seal", "operator_seal", "digest")
_EMPTIED = {"member_id": "NULL", "reason": "''", "member_salt": "''", "operator_id": "NULL", "operator_salt": "''"}


def _changed(differs: str) -> str:
    """Return the condition that something else was changed; `differs` is how an engine compares two values that may be NULL."""
    fixed = [f"NEW.{name} {differs} OLD.{name}" for name in _FIXED]
    emptied = [
        f"(NEW.{name} {differs} OLD.{name} AND NEW.{name} {differs} {empty})" for name, empty in _EMPTIED.items()
    ]
    return " OR ".join([*fixed, *emptied])


SQLITE = (
    f"CREATE TRIGGER act_update BEFORE UPDATE ON act WHEN {_changed('IS NOT')} BEGIN SELECT RAISE(ABORT, '{STAYS}'); END",
    f"CREATE TRIGGER act_delete BEFORE DELETE ON act BEGIN SELECT RAISE(ABORT, '{STAYS}'); END",
)
POSTGRESQL = (
    f"CREATE FUNCTION act_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{STAYS}'; END $$",
    f"CREATE TRIGGER act_update BEFORE UPDATE ON act FOR EACH ROW WHEN ({_changed('IS DISTINCT FROM')}) EXECUTE FUNCTION act_stays()",
    "CREATE TRIGGER act_delete BEFORE DELETE ON act FOR EACH ROW EXECUTE FUNCTION act_stays()",
)
for _dialect, _statements in (("sqlite", SQLITE), ("postgresql", POSTGRESQL)):
    for _statement in _statements:
        _made: Any = DDL  # SQLAlchemy leaves it untyped
        event.listen(Act.__table__, "after_create", _made(_statement).execute_if(dialect=_dialect))
