"""The cookie of a browser in which a member has signed in before: while somebody tries passwords, theirs is still heard from there.

It signs nobody in. Without it, whoever sends enough wrong passwords from enough places could keep everybody out. It says neither who
signed in nor when, and a new password makes it worthless.
"""

import hashlib
import hmac

from flask import Response, after_this_request, request

from webapp import tokens
from webapp.models.member import Member
from webapp.web import cookies

COOKIE = "kith_known"
PURPOSE = "known browser"
DAYS = 90


def remember(member: Member) -> None:
    """Have the browser keep that this member signed in there, or chose a new password."""
    mark = tokens.new()
    value = tokens.sign(PURPOSE, [mark, _proof(mark, member)])

    @after_this_request
    def keep(response: Response) -> Response:
        response.set_cookie(
            cookies.called(COOKIE),
            value,
            max_age=DAYS * 24 * 3600,
            secure=cookies.is_secure(),
            httponly=True,
            samesite="Lax",
        )
        return response


def mark_of(member: Member | None) -> str | None:
    """Return the mark of this browser, if the member signed in here and the password is still the one it was; else None."""
    found = tokens.signed(PURPOSE, request.cookies.get(cookies.called(COOKIE), ""))
    if member is None or not isinstance(found, list):
        return None
    mark, proof = found
    return str(mark) if hmac.compare_digest(proof, _proof(mark, member)) else None


def _proof(mark: str, member: Member) -> str:
    return hashlib.sha256(f"{mark} {member.id} {member.password_hash}".encode()).hexdigest()
