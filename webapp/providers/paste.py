"""Addresses that were pasted: any mix of `Name <a@b>`, commas, semicolons and new lines."""

import re
from dataclasses import dataclass, field

from webapp.addresses import display_name
from webapp.providers.base import Card, Page, card

ADDRESSES_MAX = 500
CHARACTERS_MAX = 100_000
_APART = r"\s<>(),;\""
# An address in angle brackets, or a run of letters with an @ in it; each run is tried once only, from its first letter.
_FOUND = re.compile(rf"<(?P<angled>[^<>]*)>|(?<![^{_APART}])(?P<bare>[^{_APART}]*@[^{_APART}]*)")
_QUOTED = re.compile(r"\"([^\"]*)\"\s*\Z")
_COMMENT = re.compile(r"\s*\(([^()]*)\)")
_SEPARATORS = re.compile(r"[,;]")
_AROUND = " \t,;:*\u2022\u2013\u2014\"'\u201c\u201d\u201e\u2018\u2019-"


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A piece of what was pasted in which no address was found: its line (from 1) and its text, cut to what fits a line."""

    line: int
    text: str


@dataclass(slots=True)
class Pasted:
    """What was understood, what was not, and how many addresses beyond the 500th (or beyond the text's limit) were left out."""

    cards: list[Card] = field(default_factory=list)
    not_understood: list[NotUnderstood] = field(default_factory=list)
    left_out: int = 0

    @property
    def page(self) -> Page:
        """The whole book, as one page."""
        not_understood = [Card(each.text, why="not_understood") for each in self.not_understood]
        return Page([*self.cards, *not_understood], total=len(self.cards) + len(not_understood))


def read(text: str) -> Pasted:
    """Return what a pasted text says. Nothing is guessed: a piece without a valid address is listed as not understood."""
    result = Pasted()
    if len(text) > CHARACTERS_MAX:
        result.left_out += text.count("@", CHARACTERS_MAX)
        text = text[:CHARACTERS_MAX]
    for number, line in enumerate(text.splitlines(), 1):
        _Line(line, number, result).read()
    return result


class _Line:
    """One line, read from left to right."""

    def __init__(self, line: str, number: int, result: Pasted) -> None:
        self.line = line
        self.number = number
        self.result = result

    def read(self) -> None:
        """Add what the line says to the result."""
        at = 0
        for found in _FOUND.finditer(self.line):
            if found.start() < at:  # inside a comment that was a name
                continue
            before = self.line[at : found.start()]
            at = found.end()
            if found["angled"] is not None:
                written, name = found["angled"], self._name_before(before, commas=True)
            else:
                written, name = _bare(found["bare"]), self._name_before(before, commas=False)
                comment = _COMMENT.match(self.line, at)
                if not name and comment is not None:
                    name, at = comment[1], comment.end()
            self._add(name, written, found[0])
        self._not_understood(self.line[at:])

    def _name_before(self, before: str, *, commas: bool) -> str:
        """Return the name in the text before an address; what is apart from it is not understood.

        In front of angle brackets a comma may be part of the name: "Lovelace, Ada <ada@example.org>".
        """
        quoted = _QUOTED.search(before)
        if quoted is not None:
            self._not_understood(before[: quoted.start()])
            return quoted[1]
        apart = max(before.rfind(";"), -1 if commas else before.rfind(","))
        self._not_understood(before[: max(apart, 0)])
        return before[apart + 1 :].strip(_AROUND)

    def _add(self, name: str, written: str, whole: str) -> None:
        if len(self.result.cards) == ADDRESSES_MAX:
            self.result.left_out += 1
            return
        found = card(name, [written])
        if found.addresses:
            self.result.cards.append(found)
        else:
            self._note(f"{name} {whole}")

    def _not_understood(self, text: str) -> None:
        for piece in _SEPARATORS.split(text):
            if any(letter.isalnum() for letter in piece):
                self._note(piece)

    def _note(self, text: str) -> None:
        self.result.not_understood.append(NotUnderstood(self.number, display_name(text)))


def _bare(run: str) -> str:
    """Return an address without the punctuation of the sentence it stood in."""
    run = run.strip("\u201c\u201d\u201e\u2018\u2019").rstrip(".:!?")
    return run[1:-1] if run[:1] == run[-1:] == "'" else run
