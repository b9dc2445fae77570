"""For operators only: what keeps a community going. No address book, no private card, no message but a reported one.

One file a topic; what all their pages share is in `desk`.
"""

from webapp.blueprints.admin import joining, log, mail, overview, people, providers, reports, traffic
from webapp.blueprints.admin.desk import bp

__all__ = ["bp", "joining", "log", "mail", "overview", "people", "providers", "reports", "traffic"]
