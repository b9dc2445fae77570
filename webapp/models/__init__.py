"""The tables, their types and their named constraints; no verbs."""

from webapp.models import (
    card,
    connection,
    contact,
    dismissed,
    event_choice,
    introduction,
    invitation,
    mail,
    member,
    message,
    notification,
    profile,
    relationship,
    report,
    saved_search,
    words,
)

__all__ = [
    "card",
    "connection",
    "contact",
    "dismissed",
    "event_choice",
    "introduction",
    "invitation",
    "mail",
    "member",
    "message",
    "notification",
    "profile",
    "relationship",
    "report",
    "saved_search",
    "words",
]
