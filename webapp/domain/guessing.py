"""How easily a password is guessed: by lists of breached passwords, words, names, dates and rows of keys, none of them asked elsewhere.

The measure is that of the zxcvbn library. Its lists take 15 MB, so they are read when the first password is chosen, not before.
"""

import re
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any

from webapp.domain.errors import N_

ENOUGH = 3
"""Of 4. Below that, whoever tries the likely ones first is done within a hundred million tries."""
LOOKED_AT = 72
"""So many characters are looked at; it takes ever longer for more, and whatever follows makes a password no easier to guess."""
LIKE_LETTERS = "@({[<!|$+%"
LOOK_ALIKES = 2
"""Of these signs that may stand for letters ("p@$$word") so many different ones are tried as letters; trying all would take seconds."""
SHORTEST_WORD = 3
OWN = "user_inputs"
"""What the library calls a word of the member's own, or the site's."""
PLAIN = N_("That password is too easy to guess. A short sentence works well")
SENTENCES: Mapping[str, str] = {
    OWN: N_(
        "That password is little more than your name, your address or the name of this site. A short sentence works well"
    ),
    "passwords": N_("That is close to a password many people use, so it is tried first. A short sentence works well"),
    "word": N_("A name or a single word is easy to guess. A short sentence works well"),
    "repeat": N_("Repeating the same letters or words is easy to guess. A short sentence works well"),
    "spatial": N_("Keys that lie beside each other are easy to guess. A short sentence works well"),
    "sequence": N_("Rows like abc or 123 are easy to guess. A short sentence works well"),
    "date": N_("Dates and years are easy to guess. A short sentence works well"),
}
"""What is wrong with a password, by what most of it is."""
_KINDS = {"regex": "date", "dictionary": "word"}

_one_at_a_time = Lock()  # the library keeps the words of the password at hand in a table that all share


def weakness(password: str, known: Iterable[str]) -> str | None:
    """Return why a password is too easily guessed; None for a good one. `known`: texts whose words are tried first."""
    from zxcvbn import zxcvbn

    own = words(known)

    def measured(text: str) -> str | None:
        found = zxcvbn(_fewer_signs(text[:LOOKED_AT]), user_inputs=own)
        # What can only be tried out, sign by sign, is as good as it is long.
        only_tried_out = all(piece["pattern"] == "bruteforce" for piece in found["sequence"])
        return None if found["score"] >= ENOUGH or only_tried_out else _most_of(found["sequence"])

    with _one_at_a_time:
        kind = measured(password)
        # "Northgate-2026!" is the same idea as "northgate2026".
        letters = "".join(letter for letter in password if letter.isalnum())
        if kind is None and letters and measured(letters) == OWN:
            kind = OWN
        zxcvbn("-", user_inputs=[])  # nothing of a member stays in that table
    return None if kind is None else SENTENCES.get(kind, PLAIN)


def words(known: Iterable[str]) -> list[str]:
    """Return the words of these texts, and each text as one word, as somebody would try them."""
    found: dict[str, None] = {}
    for text in known:
        parts = [part for part in re.split(r"[\W_]+", text.lower()) if part]
        joined = ["".join(parts), "".join(reversed(parts))]
        for word in (text.lower(), *parts, *joined):
            if len(word) >= SHORTEST_WORD:
                found[word] = None
    return list(found)


def _fewer_signs(password: str) -> str:
    """Return a password in which only so many different signs could be meant as letters; the others become one that is none."""
    signs = [sign for sign in dict.fromkeys(password) if sign in LIKE_LETTERS][LOOK_ALIKES:]
    return password.translate({ord(sign): "~" for sign in signs})


def _most_of(sequence: list[dict[str, Any]]) -> str:
    """Return what the longest piece of a password is. The member's own words are named wherever they stand."""
    if any(piece.get("dictionary_name") == OWN for piece in sequence):
        return OWN
    longest = max(sequence, key=lambda piece: len(piece["token"]))
    kind = str(longest["pattern"])
    if longest.get("dictionary_name") == "passwords":
        return "passwords"
    return _KINDS.get(kind, kind)
