"""The proof of the contacts promise, for anybody, on their own copy: `kith verify-promise`.

It walks Find connections as people do, over HTTP, in instances of its own, and then looks: into every file, at every mail, at what the
provider was asked for, and at what others see. The parts: `ground` (the instances), `servers` (what is around them), `browser` and
`walk` (the way through), `books` (whom it reads), `search` (what it looks for), and the sentences: `reading`, `forgetting`, `inviting`,
`silence`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from webapp.domain.promise import SENTENCES, Sentence, made
from webapp.proof import forgetting, inviting, reading, silence
from webapp.proof.browser import Stuck
from webapp.proof.ground import PROMISE_DEPENDS_ON, Ground, prepared

__all__ = ["CHECKS", "PROMISE_DEPENDS_ON", "Ground", "Verdict", "check", "prepared", "verdicts"]

CHECKS: Mapping[str, Callable[[Ground], Iterable[str]]] = {
    "read": reading.read,
    "key": reading.key,
    "forget": forgetting.forget,
    "ticks": inviting.ticks,
    "mail": inviting.mail,
    "stop": inviting.stop,
    "purpose": silence.purpose,
    "hidden": silence.hidden,
}
"""For each sentence of the promise what tries to break it: it gives what it found, and nothing where the sentence holds."""
SHOWN = 4
"""So many findings are told; the rest is counted."""


@dataclass(frozen=True)
class Verdict:
    """What came of one sentence."""

    sentence: Sentence
    found: tuple[str, ...]

    @property
    def is_kept(self) -> bool:
        return not self.found

    def __str__(self) -> str:
        if self.is_kept:
            return f"kept: {self.sentence.words}"
        more = f"; and {len(self.found) - SHOWN} more" if len(self.found) > SHOWN else ""
        return f"BROKEN: {self.sentence.words} Found: {'; '.join(self.found[:SHOWN])}{more}."


def check(ground: Ground, name: str) -> Verdict:
    """Try one sentence. What cannot be walked to its end is not proven, and so counts as broken."""
    sentence = next(each for each in SENTENCES if each.name == name)
    found: list[str] = []
    try:
        found += CHECKS[name](ground)
    except Stuck as error:
        found.append(f"it could not be tried to the end, because {error}")
    except Exception as error:  # noqa: BLE001 - whatever breaks here, the sentence is not proven
        found.append(f"it could not be tried to the end ({type(error).__name__})")
    return Verdict(sentence, tuple(dict.fromkeys(found)))


def verdicts(ground: Ground) -> Iterator[Verdict]:
    """Try every sentence that an instance with these settings promises, one after the other."""
    return (check(ground, each.name) for each in made(preselected=ground.settings["GUESTS_PRESELECTED"]))
