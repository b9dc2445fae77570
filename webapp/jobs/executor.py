"""huey, without the storages that it imports where it finds a library for them: 14 MB in each process, of which we use none."""

import sys

_hidden = {name: None for name in ("redis", "psycopg") if name not in sys.modules}
sys.modules.update(_hidden)  # type: ignore[arg-type]
try:
    from huey import MemoryHuey, crontab
    from huey.consumer import Consumer
finally:
    for _name in _hidden:
        del sys.modules[_name]

__all__ = ["Consumer", "MemoryHuey", "crontab"]
