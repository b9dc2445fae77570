"""View as: one's own profile as somebody else is served it.

What it leaves out is the other's own: buttons, their private card, whom they mute. Their numbers are the owner's own, because the other's
tell who blocks whom among people that are neither of the two.
"""

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from webapp.blueprints.profiles.forms import bp
from webapp.domain import connections, feed, people, profiles
from webapp.extensions import db
from webapp.models.member import Member
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
    around = _around(member, relation or "connection", named) if relation != "stranger" else {"lately": []}
    return page("profiles/view_as.html", profile=profile, mine=False, who=who, viewers=viewers, other=member, **around)


def _around(me: Member, relation: profiles.Relation, named: Member | None) -> dict[str, Any]:
    """Return what stands around the profile for somebody who is signed in: how near they are, how many I know, what I shared."""
    close = relation == "connection"
    shows = me.connections_shown == "members" or (close and me.connections_shown == "connections")
    return {
        "near": connections.between(named, me) if named else connections.Nearness(1 if close else 0),
        "count": people.count(connections.of(me)) - (1 if close else 0) if shows else None,
        "most": people.COUNTED,
        "standing": people.standing(named, me) if named else people.Standing(),
        "introduction": None,
        "lately": feed.by(named, me) if named else feed.shown_to("connection" if close else "member", me),
    }
