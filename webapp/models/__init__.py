"""The tables, their types and their named constraints; no verbs."""

from webapp.models import (
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
    words,
)

__all__ = [
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
    "words",
]
