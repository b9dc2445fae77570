"""The mailbox: mail as it was delivered where no mail server is set. For operators; in the demo, for anybody on this machine."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as mail_policy

from flask import Blueprint, Response, current_app, make_response, request
from flask_login import current_user
from sqlalchemy import select

from webapp.config import is_loopback, setting
from webapp.domain.errors import NotFound
from webapp.extensions import db
from webapp.mail.render import style_hash
from webapp.models.mail import MailboxMessage
from webapp.web import headers
from webapp.web.access import public
from webapp.web.htmx import page

bp = Blueprint("mailbox", __name__, url_prefix="/mailbox")

PAGE = 50


@bp.before_request
def check() -> None:
    """Answer everybody else as an unknown address does."""
    operator = current_user.is_authenticated and current_user.is_operator
    at_home = current_app.config.get("DEMO") and is_loopback(request.remote_addr or "")
    if setting("SMTP_URL") or not (operator or at_home):
        raise NotFound


@bp.get("")
@public
def index() -> Response:
    """List the newest mails."""
    found = db.session.execute(
        select(MailboxMessage.id, MailboxMessage.recipient, MailboxMessage.subject, MailboxMessage.delivered_at)
        .order_by(MailboxMessage.id.desc())
        .limit(PAGE)
    ).all()
    return page("mailbox/index.html", mails=found)


def _one_of(mail_id: int) -> tuple[MailboxMessage, EmailMessage]:
    row = db.session.get(MailboxMessage, mail_id)
    if row is None:
        raise NotFound
    return row, message_from_bytes(row.raw, policy=mail_policy)


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part else ""  # as a browser reads it, so that hashes agree


@bp.get("/<int:mail_id>")
@public
def show(mail_id: int) -> Response:
    """Show one mail: its head, its plain text, and the HTML in a frame that may do nothing."""
    row, message = _one_of(mail_id)
    headers.allow(frame_src="'self'")
    return page("mailbox/show.html", mail=row, message=message, text=_body(message, "plain"))


@bp.get("/<int:mail_id>/html")
@public
def body(mail_id: int) -> Response:
    """Return the HTML of one mail, for the frame."""
    html = _body(_one_of(mail_id)[1], "html")
    headers.only(
        default_src="'none'",
        style_src=style_hash(html),
        frame_ancestors="'self'",
        base_uri="'none'",
        form_action="'none'",
    )
    return make_response(html)
