"""Archives: what a member takes along, for other programs and for themselves.

`people` is who they know, with what each shares with them and what they keep about each; `table` writes it for spreadsheets.
"""

from webapp.domain.archives.people import Person, in_batches, known
from webapp.domain.archives.table import HEADER, row, table

__all__ = ["HEADER", "Person", "in_batches", "known", "row", "table"]
