"""What the rules may answer instead of doing what was asked. Each carries a sentence fit to show; `web/errors.py` gives it its status."""

from typing import Any


def N_(sentence: str) -> str:  # noqa: N802 - the name that message extraction looks for
    """Mark a sentence for translation; it is translated where it is shown."""
    return sentence


class DomainError(Exception):
    """A sentence with its parameters, untranslated."""

    def __init__(self, sentence: str = "", **params: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.params = params

    def __str__(self) -> str:
        return self.sentence % self.params if self.params else self.sentence


class Refused(DomainError):
    """The rule says no, and why (409)."""


class NotFound(DomainError):
    """There is no such thing for this viewer; the same for missing and forbidden (404)."""


class TooMany(DomainError):
    """Too often or too much; `retry_after` says in how many seconds it can be tried again (429)."""

    def __init__(self, sentence: str, *, retry_after: float = 0, **params: Any) -> None:
        super().__init__(sentence, **params)
        self.retry_after = retry_after


class Unavailable(TooMany):
    """What would say whether it is too often does not answer; so no, for the moment (503)."""


class Invalid(DomainError):
    """Fields that do not hold: field name -> sentence (422)."""

    def __init__(self, **fields: str) -> None:
        super().__init__("; ".join(fields.values()))
        self.fields = fields
