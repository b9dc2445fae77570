"""View as: one's own profile exactly as somebody else is served it."""

from collections.abc import Mapping

from flask import Response, request
from flask_babel import gettext as _

from webapp.blueprints.profiles.forms import bp
from webapp.domain import connections, profiles
from webapp.extensions import db
from webapp.web.access import viewer
from webapp.web.htmx import page

RELATIONS: Mapping[str, profiles.Relation] = {"stranger": "stranger", "member": "member", "connection": "connection"}
NAMED = 50
"""How many connections are offered by name; any other can be named in the address."""


@bp.get("/settings/view-as")
def view_as() -> Response:
    """Show what a stranger, a member, a connection or one named connection is served of one's own profile, made by the same parts."""
    member = viewer()
    who = request.args.get("who", "member")
    relation = RELATIONS.get(who)
    named = None if relation else connections.one_of(member, who)
    profile = profiles.seen_as(relation, member) if relation else profiles.seen_by(named, member)
    known = db.session.execute(connections.of(member, order="first").limit(NAMED)).all()
    viewers = [
        ("stranger", _("Somebody not signed in")),
        ("member", _("A member")),
        ("connection", _("A connection")),
        *((row.handle, row.name) for row in known),
    ]
    if named is not None and who not in dict(viewers):
        viewers.append((who, named.name))
    return page("profiles/view_as.html", profile=profile, mine=False, who=who, viewers=viewers)
