"""What operators do about an account beside suspending it: delete it, keep it after all, sign it out. Each is a line of the log."""

from webapp.domain import accounts, acts, leaving
from webapp.domain.errors import N_, Refused
from webapp.models.member import Member

LEAVES = N_("%(name)s leaves already.")
CONDEMNED = N_("The account of %(name)s is to be deleted already.")
NOT_CONDEMNED = N_("The account of %(name)s is not to be deleted.")


def delete(operator: Member, other: Member, reason: str) -> None:
    """Have an account deleted after DELETE_DAYS; for all others they are gone from this moment. A mail tells them.

    Until then they are suspended: they can sign in to read why and to take their data along, but not call it off; an operator can
    (`keep`). It then goes as any account of who leaves. Never at once: a mistake must be mendable, and nobody sees them anyway.
    """
    reason = acts.check(operator, other, reason)
    if leaving.of(other) is not None:
        raise Refused(LEAVES, name=other.name)
    if leaving.condemned(other) is not None:
        raise Refused(CONDEMNED, name=other.name)
    if other.suspended_at is None:
        acts.shut_out(other)
    departure = leaving.condemn(other)
    acts.tell(acts.write(operator, other, "deleted", reason, departure.due_at))


def keep(operator: Member, other: Member, reason: str) -> None:
    """Not delete an account after all. It stays suspended until that is lifted. A mail tells them."""
    reason = acts.check(operator, other, reason)
    if leaving.condemned(other) is None:
        raise Refused(NOT_CONDEMNED, name=other.name)
    leaving.spare(other)
    acts.tell(acts.write(operator, other, "kept", reason))


def sign_out(operator: Member, other: Member, reason: str) -> None:
    """End every sign-in of a member, as for a lost phone. The password stays what it is, and app passwords of devices go on."""
    reason = acts.check(operator, other, reason)
    accounts.end_sign_ins(other)
    acts.tell(acts.write(operator, other, "signed_out", reason))
