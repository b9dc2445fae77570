"""The key to an address book that is being looked through: it is in the browser's cookie, and nowhere else."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode

from flask import Response, request

from webapp.config import setting
from webapp.domain import contacts
from webapp.domain.contacts import Key
from webapp.models.member import Member
from webapp.transaction import transaction
from webapp.web import cookies

COOKIE = "kith_import"
PATH = "/contacts"
AT_SIGN_OUT = "kith_import_end"
"""The same key for the one other address that needs it, to have the provider's key revoked at sign-out."""
SIGN_OUT = "/signout"
PATHS = {COOKIE: PATH, AT_SIGN_OUT: SIGN_OUT}


def key(name: str = COOKIE) -> Key | None:
    """Return the key the browser sent; None without a readable one."""
    number, _, text = request.cookies.get(cookies.called(name, PATHS[name]), "").partition(".")
    try:
        return Key(int(number), urlsafe_b64decode(text))
    except (ValueError, binascii.Error):
        return None


def keep(response: Response, kept: Key) -> None:
    """Have the browser keep the key, for an hour from now."""
    value = f"{kept.import_id}.{urlsafe_b64encode(kept.secret).decode()}"
    for name, path in PATHS.items():
        response.set_cookie(
            cookies.called(name, path),
            value,
            max_age=setting("IMPORT_MINUTES") * 60,
            path=path,
            secure=cookies.is_secure(),
            httponly=True,
            samesite="Lax",
        )


def drop(response: Response) -> None:
    """Have the browser forget the key."""
    for name, path in PATHS.items():
        response.delete_cookie(
            cookies.called(name, path), path=path, secure=cookies.is_secure(), httponly=True, samesite="Lax"
        )


def end_at_sign_out(member: Member) -> None:
    """Forget the import of the sign-in that ends now, and have the provider's key revoked where the browser can open it."""
    from webapp.web import oauth

    sign_in_id = member.sign_in_id
    revoked = contacts.key_to_revoke(member, sign_in_id, key(AT_SIGN_OUT))
    with transaction():
        contacts.end_for_sign_in(sign_in_id)
    if revoked:
        oauth.revoke(*revoked)
