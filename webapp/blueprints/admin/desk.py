"""What the operators' pages share: the blueprint, which answers everybody else as an unknown address does, and words."""

from typing import Any

from flask import Blueprint

from webapp import clock
from webapp.domain import acts, joining, moderation
from webapp.web.access import operators_only

bp = Blueprint("admin", __name__, url_prefix="/admin")
operators_only(bp)


@bp.context_processor
def _known() -> dict[str, Any]:
    return {
        "words": moderation.REASON_WORDS,
        "things": moderation.WHAT_WORDS,
        "decisions": moderation.DECISION_WORDS,
        "many": acts.UNKNOWN_MANY,
        "days": acts.UNKNOWN_DAYS,
        "now": clock.now,
        "waits_to_join": lambda member: joining.of(member) is not None,
    }
