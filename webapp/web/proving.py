"""Proving who one is by the password: counted, and as slow for an address without an account. Not for use inside a transaction."""

from webapp import logs, passwords
from webapp.domain import accounts, throttles
from webapp.domain.errors import N_, Invalid
from webapp.models.member import Member
from webapp.transaction import transaction
from webapp.web import limits
from webapp.web.access import viewer


def check_own(typed: str, field: str = "password") -> None:
    """Have the viewer prove themselves before something that nobody else should do: as at the sign-in page, and counted with that.

    Raises Invalid, under `field`, for a wrong password, and TooMany after too many of them.
    """
    member = viewer()
    try:
        check_password(accounts.lookup_of(accounts.primary_address(member)), member, typed)
    except Invalid:
        raise Invalid(**{field: N_("That is not your password")}) from None


def check_password(lookup: str, member: Member | None, password: str) -> None:
    """Raise Invalid for a wrong password, TooMany after too many wrong ones. Takes as long for an address without an account."""
    where = limits.network()
    tried = (
        (throttles.SIGN_IN_PER_ACCOUNT, (lookup, where)),
        (throttles.SIGN_IN_PER_NETWORK, (where,)),
        (throttles.SIGN_IN_PER_INSTANCE, ()),
    )
    for limit, key in tried:
        throttles.check(limit, *key)
    hashed = member.password_hash if member else None
    if passwords.verify(hashed, password):
        if member and hashed and passwords.needs_rehash(hashed):
            better = passwords.hash_password(password)
            with transaction():
                accounts.rehash(member.id, hashed, better)
        return
    with transaction():
        for limit, key in tried:
            throttles.count(limit, *key)
    logs.security("wrong password", member.id if member else None)
    raise Invalid(password=accounts.WRONG)
