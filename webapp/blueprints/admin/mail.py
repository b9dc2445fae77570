"""The mail queue: how it stands, and what to do about a mail that went wrong."""

from flask import Response, flash
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from webapp import logs
from webapp.blueprints.admin.desk import bp
from webapp.config import setting
from webapp.domain.desk import mails
from webapp.domain.errors import Refused
from webapp.web import paging
from webapp.web.htmx import leave, page


@bp.get("/mail")
def mail() -> Response:
    """Show how much waits and since when, and the mails of which nobody knows whether they left, or that were refused."""
    place = paging.place(int)
    shown = paging.page(mails.trouble(*(place or ())), lambda row: (row.OutgoingMail.id,), is_first=place is None)
    return page(
        "admin/mail.html",
        queue=mails.queue(),
        shown=shown,
        called=mails.called,
        may_again=mails.may_again,
        has_mail_server=bool(setting("SMTP_URL")),
    )


@bp.route("/mail/<int:mail_id>/again", methods=["GET", "POST"])
def send_again(mail_id: int) -> Response:
    """Ask once, because it may arrive twice, then put the mail back into the queue."""
    form, row = FlaskForm(), mails.one(mail_id)
    if not mails.may_again(row):
        raise Refused(mails.NOT_AGAIN)
    if not form.is_submitted():
        return page("admin/again.html", form=form, row=row, called=mails.called)
    mails.send_again(mail_id)
    logs.security("an operator had a mail sent again", row.to_member_id, kind=row.kind)
    flash(_("The mail is on its way once more"))
    return leave(".mail")


@bp.post("/mail/<int:mail_id>/aside")
def put_aside(mail_id: int) -> Response:
    """Take the mail off the list; nothing is sent."""
    mails.put_aside(mail_id)
    flash(_("It is off the list. Nothing is sent"))
    return leave(".mail")
