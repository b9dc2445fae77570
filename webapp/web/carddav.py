"""What the door for address books takes. What answers there needs a library that is large and seldom wanted: `webapp/web/dav.py`."""

READS = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"})
REQUEST_BYTES = 1_000_000
