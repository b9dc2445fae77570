"""The overview: the few things that need somebody, and what this instance is."""

import shutil

from flask import Response
from flask_babel import gettext as _

from webapp.blueprints.admin.desk import bp
from webapp.config import VERSION, setting
from webapp.domain import joining
from webapp.domain.desk import numbers
from webapp.jobs import health
from webapp.mail import outbox
from webapp.web import log_ins
from webapp.web.htmx import page


@bp.get("", strict_slashes=False)
def overview() -> Response:
    """Show what waits for somebody, each with its link, and how large the community is."""
    return page(
        "admin/overview.html",
        waiting=numbers.waiting(),
        size=numbers.size(),
        stored=numbers.stored(),
        free=shutil.disk_usage(setting("INSTANCE")).free,
        little=health.FREE_BYTES,
        engine=numbers.engine(),
        version=VERSION,
        has_mail_server=bool(setting("SMTP_URL")),
        guests_mailed=outbox.guest_mail_possible(),
        books=[name for door, name in log_ins.NAMES.items() if setting(f"{door.upper()}_CLIENT_ID")],
        log_ins=[log_ins.name_of(door) for door in log_ins.offered()],
        applicants=joining.number_waiting(),
        join={
            "open": _("anybody"),
            "invitation": _("whoever a member invites"),
            "approval": _("whoever an operator lets in"),
            "roster": _("who is on the roster, and whoever a member invites"),
        }[setting("JOIN")],
    )
