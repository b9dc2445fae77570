"""Archives: what a member takes along, for other programs and for themselves.

`people` is who they know, with what each shares with them and what they keep about each; `table` writes it for spreadsheets.
`contents` is all that they put here, part by part, and `keeping` is how long the file of it exists. The format: docs/archive.md.
"""

from webapp.domain.archives.contents import (
    BATCH,
    FORMAT,
    LEFT_OUT,
    PARTS,
    VERSION,
    Part,
    Row,
    photo,
    plain,
    size_of,
    tables,
)
from webapp.domain.archives.keeping import (
    HOURS,
    KIND,
    Claimed,
    Full,
    Gone,
    ask,
    claim,
    discard,
    give_up,
    is_ready,
    of,
    pieces,
    put_back,
    say,
    settle,
    sweep,
    writing,
)
from webapp.domain.archives.people import Person, in_batches, known, vcard
from webapp.domain.archives.table import HEADER, row, table

__all__ = [
    "BATCH",
    "FORMAT",
    "HEADER",
    "HOURS",
    "KIND",
    "LEFT_OUT",
    "PARTS",
    "VERSION",
    "Claimed",
    "Full",
    "Gone",
    "Part",
    "Person",
    "Row",
    "ask",
    "claim",
    "discard",
    "give_up",
    "in_batches",
    "is_ready",
    "known",
    "of",
    "photo",
    "pieces",
    "plain",
    "put_back",
    "row",
    "say",
    "settle",
    "size_of",
    "sweep",
    "table",
    "tables",
    "vcard",
    "writing",
]
