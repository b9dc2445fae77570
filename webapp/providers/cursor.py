"""Where a reading stands, as one opaque text: it ends a reading that goes in circles or does not end."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Self

from webapp.providers.base import ProviderError

PAGES_MAX = 300
_MARK = 12


@dataclass(slots=True)
class Cursor:
    """What to ask next: `todo` holds the places to read, the next one first; `seen` marks those that were read."""

    todo: list[list[str]]
    seen: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, text: str) -> Self:
        """Return the cursor that `dump` wrote."""
        found: dict[str, Any] = json.loads(text)
        return cls(found["todo"], found["seen"])

    def dump(self) -> str | None:
        """Return the cursor as a text, None when nothing is left to read."""
        return json.dumps({"todo": self.todo, "seen": self.seen}) if self.todo else None

    def take(self) -> list[str]:
        """Return the place to read now. ProviderError (broken) for one that was read already, and after 300 pages."""
        place = self.todo.pop(0)
        mark = hashlib.sha256("\n".join(place).encode()).hexdigest()[:_MARK]
        if mark in self.seen:
            raise ProviderError("broken", "the pages go in circles")
        if len(self.seen) == PAGES_MAX:
            raise ProviderError("too_large", f"more than {PAGES_MAX} pages")
        self.seen.append(mark)
        return place
