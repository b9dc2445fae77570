"""Errors become answers here, once: the right status, one clear sentence, nothing internal."""

from datetime import datetime
from typing import Any

import structlog
from flask import Flask, Response, current_app, make_response, request
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from webapp import logs, transaction
from webapp.config import setting
from webapp.domain.errors import N_, DomainError, Invalid, NotFound, Refused, TooMany, Unavailable
from webapp.extensions import db
from webapp.web import replica, watching
from webapp.web.back import came_from
from webapp.web.filters import day
from webapp.web.htmx import page, wants_part

log = structlog.get_logger("kith.errors")
INVALID = 422
STORAGE = {
    "full": (507, N_("Not saved: the storage of this server is full. Whoever runs this site has to make room first.")),
    "busy": (503, N_("Not saved: the database is busy. Try again in a few seconds.")),
    "away": (
        503,
        N_("This site can't reach its database at the moment. Nothing was saved; try again in a few seconds."),
    ),
}
RETRY_SECONDS = 5
STATUS = {NotFound: 404, Refused: 409, Invalid: INVALID, Unavailable: 503, TooMany: 429}


def sentence(error: DomainError) -> str:
    """Return an error's sentence in the reader's language."""
    return _(
        error.sentence,
        **{name: day(value) if isinstance(value, datetime) else value for name, value in error.params.items()},
    )


def show_on(form: FlaskForm, error: DomainError, template: str, /, part: str | None = None, **values: Any) -> Response:
    """Show the form again with what was typed and what was found: beside its field, or above all where it has none."""
    fields = error.fields if isinstance(error, Invalid) else {}
    for name, text in fields.items():
        if name in form:
            form[name].errors = [*form[name].errors, _(text)]
        else:
            form.form_errors.append(_(text))
    if not isinstance(error, Invalid):
        form.form_errors.append(sentence(error))
    response = page(template, part=part, status=status_of(error), **{"form": form, **values})
    if isinstance(error, TooMany):
        _wait(response, error)
    return response


def _wait(response: Response, error: TooMany) -> None:
    if not isinstance(error, Unavailable):
        logs.security("too often or too much")
    response.headers["Retry-After"] = str(max(1, int(error.retry_after)))


def status_of(error: DomainError) -> int:
    """Return the status that says what kind of no this is."""
    return next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)


def bind(app: Flask) -> None:
    """Give every error its answer."""
    app.register_error_handler(NotFound, _not_theirs)
    app.register_error_handler(404, _not_found)
    app.register_error_handler(Refused, lambda error: _refused(sentence(error), 409, back=came_from()))
    app.register_error_handler(Invalid, lambda error: _refused(sentence(error), INVALID, back=came_from()))
    app.register_error_handler(TooMany, _too_many)
    app.register_error_handler(CSRFError, _stale)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(InternalServerError, lambda error: _unexpected(error.original_exception or error))
    app.register_error_handler(DBAPIError, _storage)
    app.register_error_handler(NoneFree, _storage)
    app.register_error_handler(Exception, _unexpected)


def _not_theirs(error: NotFound) -> Response:
    """Answer as to an unknown address; the log learns that somebody asked for what is not there, or not theirs."""
    logs.security("not there or not theirs")
    return _not_found(error)


def _not_found(_error: Exception) -> Response:
    return _refused(_("We can't find that page."), 404, "errors/404.html")


def _refused(text: str, status: int, template: str = "errors/refused.html", *, back: str = "") -> Response:
    """Say it on a page, or as a toast: never in the place where the answer was meant to stand, which may be a row."""
    response = page(template, part="errors/_refused.html", status=status, sentence=text, back=back)
    if wants_part():
        response.headers["HX-Retarget"] = "#toasts"
        response.headers["HX-Reswap"] = "beforeend"
        response.headers["HX-Reselect"] = ".toast"
    return response


def _too_many(error: TooMany) -> Response:
    response = _refused(sentence(error), status_of(error), back=came_from())
    _wait(response, error)
    return response


def _stale(_error: CSRFError) -> Response:
    logs.security("a form without its token")
    return _refused(
        _("This page was open for too long, or was sent from elsewhere. Go back, reload it, and try again."), 400
    )


def _http(error: HTTPException) -> Response:
    if error.response is not None:
        return make_response(error.response)
    if error.code is None or 300 <= error.code < 400:  # noqa: PLR2004 - a redirect is an answer, not an error
        return make_response(error.get_response())
    texts = {
        400: _("We couldn't read that. Go back and try again."),
        403: _("This request came from another site, so nothing was done."),
        405: _("That address can't be used this way."),
        413: _("That is too large."),
        503: _("Too many are sending something at this moment. Nothing was done; try again in a few seconds."),
    }
    logs.security("refused", status=error.code)
    answer = _refused(texts.get(error.code, _("That didn't work.")), error.code)
    if error.code == 405 and getattr(error, "valid_methods", None):  # noqa: PLR2004
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))  # type: ignore[attr-defined]
    if isinstance(error, ServiceUnavailable):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _storage(error: BaseException) -> Any:
    """Say that the database could not, where it is its state and no mistake of ours. Needs no database to say so."""
    why = transaction.trouble(error)
    if why is None:
        return _unexpected(error)
    anew = replica.answer_from_primary()
    if anew is not None:
        return anew
    db.session.rollback()
    log.error("storage", request=watching.number(), why=why, endpoint=request.endpoint)
    status, words = STORAGE[why]
    answer = make_response(
        f"<p>{_(words)}</p>" if wants_part() else _alone("errors/storage.html", words=_(words)), status
    )
    if status == ServiceUnavailable.code:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def _unexpected(error: BaseException) -> Any:
    """Answer without the database, with the request's number, which finds its lines in the log. These have no locals and no values.

    What fails when all is settled, at the commit, comes here, too, and not as what it is.
    """
    if transaction.trouble(error) is not None:
        return _storage(error)
    db.session.rollback()
    number = watching.number()
    log.error("unexpected", request=number, kind=type(error).__name__, endpoint=request.endpoint, exc_info=error)
    words = "Something broke on our side. Nothing you typed is lost; go back and try again."
    if wants_part():
        return f"<p>{words}</p>", 500
    return _alone("errors/500.html", number=number), 500


def _alone(template: str, **values: Any) -> str:
    """Render a page without what all others have: who is signed in would be asked of the database."""
    return current_app.jinja_env.get_template(template).render(accent=setting("ACCENT"), **values)
