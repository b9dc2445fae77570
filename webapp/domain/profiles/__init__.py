"""Profiles: what members say about themselves, and to whom.

`audiences` decides who sees what. `fields`, `background`, `skills`, `contact` and `photos` keep what is said; `checks` says what can be.
`views` puts a profile together as one viewer sees it.
"""

from webapp.domain.profiles.audiences import WORDS as AUDIENCE_WORDS
from webapp.domain.profiles.audiences import Relation, exists_for
from webapp.domain.profiles.background import (
    add_entry,
    change_entry,
    is_said_on_top,
    own_entries,
    own_entry,
    remove_entry,
)
from webapp.domain.profiles.checks import FIELDS, LENGTHS
from webapp.domain.profiles.contact import (
    KIND_WORDS,
    ContactDetail,
    add_detail,
    change_detail,
    contact_of,
    contact_of_many,
    default_audience,
    own_detail,
    own_details,
    remove_detail,
)
from webapp.domain.profiles.fields import EMPTY as FIELD_NAMES
from webapp.domain.profiles.fields import PARTS, Held, all_of, edit
from webapp.domain.profiles.photos import (
    NO_PICTURE,
    PHOTO_BYTES,
    PIXELS,
    TOO_LARGE,
    crop,
    own_photo,
    photo,
    remove_photo,
    set_photo,
)
from webapp.domain.profiles.skills import (
    SKILLS,
    add_skill,
    endorse,
    endorsed_by,
    endorsers,
    hide_endorsement,
    move_skill,
    own_skill,
    remove_skill,
)
from webapp.domain.profiles.views import Profile, kept_for_connections, public_one, seen_as, seen_by

__all__ = [
    "AUDIENCE_WORDS",
    "FIELDS",
    "FIELD_NAMES",
    "KIND_WORDS",
    "LENGTHS",
    "NO_PICTURE",
    "PARTS",
    "PHOTO_BYTES",
    "PIXELS",
    "SKILLS",
    "TOO_LARGE",
    "ContactDetail",
    "Held",
    "Profile",
    "Relation",
    "add_detail",
    "add_entry",
    "add_skill",
    "all_of",
    "change_detail",
    "change_entry",
    "contact_of",
    "contact_of_many",
    "crop",
    "default_audience",
    "edit",
    "endorse",
    "endorsed_by",
    "endorsers",
    "exists_for",
    "hide_endorsement",
    "is_said_on_top",
    "kept_for_connections",
    "move_skill",
    "own_detail",
    "own_details",
    "own_entries",
    "own_entry",
    "own_photo",
    "own_skill",
    "photo",
    "public_one",
    "remove_detail",
    "remove_entry",
    "remove_photo",
    "remove_skill",
    "seen_as",
    "seen_by",
    "set_photo",
]
