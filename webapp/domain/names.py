"""Names as they are sorted, searched and put into addresses."""

import functools
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from webapp.extensions import db
from webapp.models.member import Member
from webapp.models.profile import ProfileField, Skill

HANDLE_LETTERS = "abcdefghjkmnpqrstuvwxyz"  # none that is read as another
HANDLE_CHARACTERS = 60
WORD_CHARACTERS = 60
"""So much of a word counts: an index takes no endless one."""
MARK_CHARACTERS = 200
FACETS = ("field", "place", "cohort", "organisation")
"""What people can be filtered by besides words; each begins with another letter."""
EVERY_MEMBER = ("members", "public")
"""The audiences of what every member may see, and so may find."""
END_OF_NAME = "/"
MENTORS = "_m"
# Which plain letters look alike (Unicode TS #39); a test holds it against the library that knows all the others.
_LOOKS = str.maketrans({"0": "O", "1": "l", "I": "l", "|": "l", "m": "rn"})
_WORD = re.compile(r"[^\W_]+")
# Letters that Unicode does not decompose, written as their readers type them without the right keyboard.
_ALONE = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i", "ŋ": "n"}
)


def fold(text: str) -> str:
    """Return `text` as a search compares it: lower case, without accents, single spaces; letters of other scripts stay."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_ALONE))
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())


def words(text: str) -> list[str]:
    """Return the folded words of a text: "Jean-Luc O'Neill" is jean, luc, o, neill."""
    return [word[:WORD_CHARACTERS] for word in _WORD.findall(fold(text))]


def likeness(name: str) -> str:
    """Return what a name looks like: the same for two that are hard to tell apart, whatever letters they are written with.

    After the skeletons of Unicode TS #39, without accents, upper case and punctuation. It judges nothing: every name has one.
    """
    plain = _bare(name)
    if not plain.isascii():
        from confusable_homoglyphs.confusables import confusables_data

        plain = _bare("".join(_centre(letter, confusables_data) for letter in plain))
    return " ".join(words(plain.translate(_LOOKS)))[:200]


def _bare(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


def _centre(letter: str, alike: Mapping[str, Sequence[Mapping[str, str]]]) -> str:
    """Return the one letter that stands for all that look like this one. The library lists for each all it is mapped to and from."""
    others = [other["c"] for other in alike.get(letter, ())]
    if len(others) != 1:
        return letter  # it is that letter, or looks like none
    [other] = others
    return other if len(alike[other]) > 1 else min(other, letter)


def new_handle(name: str, choose: Callable[[str], str] = secrets.choice) -> str:
    """Return a handle for a new member: the folded name, a dash, four random letters. It never changes afterwards.

    Whoever shares a name may be given the same letters: whether a handle is free is for the caller to look.
    """
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in fold(name))
    stem = "-".join(part for part in plain.split("-") if part)[:HANDLE_CHARACTERS].rstrip("-") or "member"
    return f"{stem}-{''.join(choose(HANDLE_LETTERS) for _ in range(4))}"


def keys_of(name: str, sort_as: str = "") -> tuple[str, str]:
    """Return under what a name is sorted by first and by last name (the last word, unless `sort_as` says otherwise)."""
    folded = fold(name)
    last = fold(sort_as) or folded.rpartition(" ")[2]
    return folded[:200], f"{last} {folded}"[:300]


def refresh(member: Member) -> None:
    """Bring what is derived from a member's visible fields up to date. To be called after any of them changed."""
    member.name_key, member.sort_key = keys_of(member.name, member.sort_as or "")
    member.likeness = likeness(member.name)
    member.search_text = searchable(member, _skills(member))


def _skills(member: Member) -> Sequence[str]:
    """Return the skills every member may see."""
    if member.id is None:
        return ()
    hides = (ProfileField.name == "skills") & ProfileField.audience.not_in(EVERY_MEMBER)
    hidden = select(ProfileField.name).where(ProfileField.member_id == member.id, hides)
    shown = select(Skill.name).where(Skill.member_id == member.id, ~hidden.exists())
    return db.session.scalars(shown.order_by(Skill.rank, Skill.id)).all()


def searchable(member: Any, skills: Sequence[str] = ()) -> str:
    """Return everything a member is found by, from the fields every member may see and from nothing else.

    A space stands before and after every word, and a / behind those of the name: a search for words that begin so looks for the space,
    one for names for the / later on. The marks at the end are the values one can filter by.
    """
    shown = (member.headline, member.title, member.organisation, member.field, member.place, member.cohort)
    rest = words(" ".join(part for part in (*shown, *(member.tags or ()), *skills) if part))
    marks = [mark(facet, getattr(member, facet) or "") for facet in FACETS]
    offers = [MENTORS] if member.mentors else []
    return f" {' '.join([*words(member.name), END_OF_NAME, *dict.fromkeys(rest), *filter(None, marks), *offers])} "


@functools.lru_cache(maxsize=10_000)
def mark(facet: str, value: str) -> str:
    """Return the word that stands in the text of everybody with this value, alike however it is spelt; nothing for a value without words.

    It begins with a _, so nothing that can be typed finds it.
    """
    folded = "_".join(words(value))[:MARK_CHARACTERS]
    return f"_{facet[0]}_{folded}" if folded else ""
