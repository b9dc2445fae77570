"""The tables, their types and their named constraints; no verbs."""

from webapp.models import contact, invitation, mail, member, notification

__all__ = ["contact", "invitation", "mail", "member", "notification"]
