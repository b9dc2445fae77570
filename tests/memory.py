"""How much memory processes hold, as the system says."""

import contextlib
import re
from pathlib import Path


def megabytes(line="VmRSS"):
    """Return the megabytes that this process holds: `VmRSS` now, `VmHWM` at most."""
    found = re.search(rf"{line}:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024


def tree(pid):
    """The ids of a process and of all it has started, and they."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # it has just ended
                found += map(int, task.read_text(encoding="ascii").split())
    return found


def shared_out(pid, line="Pss"):
    """The megabytes that a process and all it has started hold together (PSS): what several share is counted once.

    `Pss_Anon`: without pages of files, which the system takes back when it needs them.
    """
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            said = Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii")
            total += int(re.search(rf"^{line}:\s+(\d+) kB", said, re.MULTILINE)[1])
    return total / 1024
