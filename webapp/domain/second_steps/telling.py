"""The mails about second steps. They go to every proven address, so that whoever has taken over one of them cannot hide it."""

from webapp.domain import accounts
from webapp.mail import outbox
from webapp.models.member import Member

CHANGED, CODE_USED, TRIED = "second_step", "recovery_code_used", "codes_tried"
KINDS = (CHANGED, CODE_USED, TRIED)


def tell(member: Member, what: str) -> None:
    """Tell a member what changed, by one of the words that `templates/second_steps/_changed.html` knows."""
    _put(member, CHANGED, what=what)


def tell_code_used(member: Member, left: int) -> None:
    """Tell a member that a recovery code signed somebody in, and how many are left."""
    _put(member, CODE_USED, left=left)


def tell_tried(member: Member) -> None:
    """Tell a member that somebody who knows the password tries one code after the other."""
    _put(member, TRIED)


def _put(member: Member, kind: str, **facts: str | int) -> None:
    for address in accounts.addresses_of(member):
        if address.verified_at is not None:
            outbox.put(kind, to=member, address=address, facts=facts)
