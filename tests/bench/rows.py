"""A line of the table of budgets, and whether it is met."""

from dataclasses import dataclass
from typing import Any

from tests.bench.measuring import Ratio


@dataclass(frozen=True)
class Row:
    """One line. `budget` is its number in the table of the design; `met` is None where a line has no aim and only explains another."""

    budget: int
    what: str
    against: str
    found: str
    spread: str = ""
    statements: str = ""
    aim: str = ""
    met: bool | None = None
    why: str = ""


def row(
    budget: int,
    what: str,
    against: str,
    found: Ratio,
    statements: tuple[int, ...] = (),
    *,
    most: float | None = None,
    statements_most: int | None = None,
    same: bool = False,
) -> Row:
    """A ratio: against what it should stay below, and how many statements it may take at most, or as many as the other side."""
    late = most is not None and found.middle > most
    asked = statements_most is not None and statements[0] > statements_most
    differ = same and len(set(statements)) > 1
    aims = [
        f"≤ {most:g}" if most is not None else "",
        f"≤ {statements_most} statements" if statements_most is not None else "",
        "as many statements" if same else "",
    ]
    why = [word for word, is_so in (("time", late), ("statements", asked or differ)) if is_so]
    return Row(
        budget,
        what,
        against,
        f"{found.middle:.2f}" if found.middle < 100 else f"{found.middle:,.0f}",
        "" if found.low == found.high else f"{found.low:.2f}–{found.high:.2f}",
        " : ".join(map(str, statements)),
        "; ".join(filter(None, aims)),
        None if not any(aims) else not why,
        " and ".join(why),
    )


def figure(budget: int, what: str, found: str, aim: str = "", *, met: bool | None = None, **more: Any) -> Row:
    """A line that is no ratio."""
    return Row(budget, what, more.pop("against", ""), found, aim=aim, met=met, **more)
