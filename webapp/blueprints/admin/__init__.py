"""For operators only: what was reported, what they do about a member, and the log of it. No address book, no message but a reported one.

One file a topic; what all their pages share is in `desk`.
"""

from webapp.blueprints.admin import log, people, reports
from webapp.blueprints.admin.desk import bp

__all__ = ["bp", "log", "people", "reports"]
