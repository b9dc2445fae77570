"""Find connections: an address book is read once, compared, shown, and forgotten.

The browser drives the reading, a page a step. Handlers that ask a provider, and those whose refusals must not undo the ticks, are
`@unlocked` and write in short transactions of their own.
"""

from webapp.blueprints.contacts import carddav, end, find, ledger, pasting, reading, report, screens, uploading
from webapp.blueprints.contacts.wizard import bp

__all__ = ["bp", "carddav", "end", "find", "ledger", "pasting", "reading", "report", "screens", "uploading"]
