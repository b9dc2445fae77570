"""Proving who one is by the password: counted, and as slow for an address without an account. Not for use inside a transaction."""

from webapp import logs, passwords
from webapp.domain import accounts, throttles
from webapp.domain.errors import N_, Invalid
from webapp.models.member import Member
from webapp.transaction import transaction
from webapp.web import known, limits
from webapp.web.access import viewer


def check_own(typed: str, field: str = "password") -> None:
    """Have the viewer prove themselves before something that nobody else should do.

    Wrong ones are counted for this sign-in, and with those of the sign-in page; but what others try there, from wherever, keeps nobody
    out who is signed in. Raises Invalid, under `field`, for a wrong password, and TooMany after too many of them.
    """
    member = viewer()
    try:
        _check(accounts.lookup_of(accounts.primary_address(member)), member, typed, f"sign-in {member.sign_in_id}")
    except Invalid:
        raise Invalid(**{field: N_("That is not your password")}) from None


def check_password(lookup: str, member: Member | None, password: str) -> None:
    """Raise Invalid for a wrong password, TooMany after too many wrong ones. Takes as long for an address without an account.

    Never locks a member out: tries from elsewhere count elsewhere, and a browser they signed in with before is heard whatever happens.
    """
    _check(lookup, member, password, known.mark_of(member))


def _check(lookup: str, member: Member | None, password: str, at: str | None) -> None:
    """`at`: the sign-in or browser known to be the member's, whose tries are counted on their own."""
    hashed = member.password_hash if member else None
    where = limits.network()
    here = (throttles.SIGN_IN_PER_ACCOUNT, (lookup, where))
    around = ((throttles.SIGN_IN_PER_NETWORK, (where,)), (throttles.SIGN_IN_PER_INSTANCE, ()))
    own = (throttles.SIGN_IN_WHERE_KNOWN, (lookup, at)) if at else here
    if not at:
        for limit, key in around:
            throttles.check(limit, *key)
    with throttles.counting():  # before the try, so that of many at once no more are heard than may be
        throttles.take(own[0], *own[1])
    if passwords.verify(hashed, password):
        better = passwords.hash_password(password) if hashed and passwords.needs_rehash(hashed) else None
        with throttles.counting():
            throttles.uncount(own[0], *own[1])
        if member and hashed and better:
            with transaction():
                accounts.rehash(member.id, hashed, better)
        return
    with throttles.counting():
        for limit, key in (*((here,) if at else ()), *around):
            throttles.count(limit, *key)
    logs.security("wrong password", member.id if member else None)
    raise Invalid(password=accounts.WRONG)
