"""Who may come in: every endpoint needs a sign-in unless it is marked `@public`."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeGuard, TypeVar, cast

from flask import Blueprint, Flask, Response, current_app, g, make_response, redirect, request, session, url_for
from flask_login import current_user, login_user

from webapp import clock, logs, tokens
from webapp.domain import accounts, joining, log_ins, second_steps, tickets
from webapp.domain.errors import NotFound
from webapp.extensions import login
from webapp.models.member import Member
from webapp.transaction import aside
from webapp.web import known
from webapp.web.htmx import leave, leave_to
from webapp.web.sessions import TOKEN

F = TypeVar("F", bound=Callable[..., Any])
SEEN_EVERY = timedelta(minutes=10)
SECOND_STEP_MINUTES = 10
NEXT = "next"
BAD_REQUEST = 400


def public(view: F) -> F:
    """Mark a handler that answers without a sign-in."""
    view.public = True  # type: ignore[attr-defined]
    return view


def unasked(view: F) -> F:
    """Mark a handler that answers machines, without asking who they are: it needs no database, also where a cookie comes along."""
    view.unasked = True  # type: ignore[attr-defined]
    return public(view)


def while_leaving(view: F) -> F:
    """Mark a handler that is there for a member who leaves, too; of everything else they see what somebody sees who is not signed in."""
    view.while_leaving = True  # type: ignore[attr-defined]
    return view


def while_suspended(view: F) -> F:
    """Mark a handler that is there for who is suspended or waits to be let in. Everything public they see as who is not signed in."""
    view.while_suspended = True  # type: ignore[attr-defined]
    return view


def viewer() -> Member:
    """Return the signed-in member (the object itself, not Flask-Login's stand-in for it)."""
    return cast("Member", current_user._get_current_object())  # noqa: SLF001 - how a LocalProxy gives its object


def viewer_or_none() -> Member | None:
    """Return the signed-in member; None for somebody who is not signed in, on a page that is there for both."""
    return viewer() if current_user.is_authenticated else None


def ask_to_sign_in() -> Response:
    """Answer as an address does that needs a sign-in."""
    return make_response(login.unauthorized())


def operators_only(bp: Blueprint) -> None:
    """Answer everybody but operators as an unknown address does."""

    @bp.before_request
    def check() -> None:
        if not viewer().is_operator:
            raise NotFound


def sign_in(member: Member, agent: str, then: str, log_in: dict[str, str] | None = None) -> Response:
    """Sign in whoever has given the right password, or as much, and lead to an address of ours.

    A member with a second step is led to that first, and until then nothing of the account is reached or changed. `log_in`: the account
    elsewhere (as `log_ins.connect` wants it) that signs them in from now on. Every way in ends here, but for the second step itself.
    """
    if second_steps.is_asked_of(member):
        session[tickets.SECOND_STEP] = tickets.issue(
            tickets.SECOND_STEP, minutes=SECOND_STEP_MINUTES, member=member, then=then, log_in=log_in
        )
        logs.security("second step asked", member.id)
        return leave("second_steps.ask")
    return begin(member, agent, then, log_in)


def begin(member: Member, agent: str, then: str, log_in: dict[str, str] | None = None) -> Response:
    """Start a sign-in in this browser, all being proven: a new row, a new cookie, nothing of what the cookie held before.

    The sign-in before it ends. Who sees one page only (leaving, suspended) is led there.
    """
    if log_in is not None:
        log_ins.connect(member, **log_in)
    accounts.end_token(str(session.get(TOKEN, "")))
    token = accounts.start_sign_in(member, agent)
    session.clear()
    session.permanent = True
    known.remember(member)
    member.sign_in_token = token
    login_user(member)
    logs.security("signed in", member.id)
    return leave_to(then if member.is_visible else url_for("public.home"))


def sign_in_token() -> str:
    """Return the token of the present sign-in."""
    return str(session[TOKEN])


def bind(app: Flask) -> None:
    """Give the application its user loader and its guard."""
    login.init_app(app)
    login.session_protection = None  # a sign-in is a row; its address may change on the road
    login.user_loader(_load)
    login.unauthorized_handler(_unauthorised)
    app.before_request(_guard)
    app.after_request(_note_seen)


def _load(token: str) -> Member | None:
    found = accounts.signed_in(token)
    if found is None:
        return None
    member, sign_in_row = found
    g.member_id = member.id  # for the log, which asks nothing
    member.sign_in_token = token
    member.sign_in_id = sign_in_row.id
    member.sign_in_seen_at = sign_in_row.seen_at
    return member


def _guard() -> Any:
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "unasked", False):
        return None
    is_public = view is None or getattr(view, "public", False)
    if not current_user.is_authenticated:
        return None if is_public else login.unauthorized()
    member = viewer()
    left, suspended = member.deleted_at is not None, member.suspended_at is not None
    for applies, mark, where in (
        (left, "while_leaving", "leaving.index"),
        (suspended, "while_suspended", "joining.waiting" if suspended and joining.of(member) else "acts.suspended"),
    ):
        if not applies or getattr(view, mark, False):
            continue
        if is_public:
            g._login_user = login.anonymous_user()  # noqa: SLF001 - where Flask-Login keeps who asks
            return None
        return leave(where)
    return None


def _unauthorised() -> Response | tuple[str, int, dict[str, str]]:
    """Lead to the sign-in page and back afterwards; a part is never answered with a form."""
    if request.headers.get("HX-Request") == "true":
        return "", 401, {"HX-Redirect": url_for("accounts.signin")}
    if request.method not in {"GET", "HEAD"}:
        return cast("Response", redirect(url_for("accounts.signin"), code=303))
    return cast("Response", redirect(sign_in_and_back(), code=303))


def sign_in_and_back() -> str:
    """Return the address of the sign-in page that leads back to this one."""
    return url_for("accounts.signin", next=tokens.sign(NEXT, request.full_path.rstrip("?")))


def after_sign_in(token: str | None) -> str:
    """Return where a signed `next` leads, else home. Only paths that we signed ourselves are followed; none for who sees one page only."""
    if current_user.is_authenticated and not viewer().is_visible:
        return url_for("public.home")
    where = tokens.signed(NEXT, token) if token else None
    return where if is_own_path(where) else url_for("public.home")


def is_own_path(where: object) -> TypeGuard[str]:
    """Whether it is a path of this site to every browser: they pass over tabs and line ends, and take a backslash for a slash."""
    return isinstance(where, str) and re.fullmatch(r"/(?![/\\])[^\x00-\x1f\x7f]*", where) is not None


def _note_seen(response: Response) -> Response:
    """Keep a sign-in alive that is used: a short write of its own after the request is settled, every ten minutes at most."""
    member = g.get("_login_user")
    if (
        isinstance(member, Member)
        and clock.now() - member.sign_in_seen_at > SEEN_EVERY
        and response.status_code < BAD_REQUEST
    ):
        row = member.sign_in_id
        with aside():
            accounts.note_seen(row)
    return response
