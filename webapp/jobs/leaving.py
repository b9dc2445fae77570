"""Deleting who has left: a step in a transaction of its own, many times over, so that nobody waits for one with many connections."""

from datetime import timedelta

import structlog

from webapp import clock
from webapp.domain import leaving
from webapp.transaction import transaction

log = structlog.get_logger("kith.jobs")

STEPS = 20
LATER = timedelta(minutes=10)


def go_on(most: int = STEPS) -> int:
    """Do at most so many steps of what is due now; return how many were done. May be stopped at any moment and begun again."""
    for done in range(most):
        member_id = None
        try:
            with transaction():
                member_id = leaving.due(clock.now())
                if member_id is None or not leaving.step(member_id):
                    return done
        except Exception:
            if member_id is None:
                raise
            log.exception("a member cannot be deleted", member=member_id)
            with transaction():
                leaving.put_off(member_id, clock.now() + LATER)
    return most
