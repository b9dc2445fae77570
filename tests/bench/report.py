"""What was measured, written into docs/performance.md between its markers, and as plots into docs/pictures."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import linear_regression
from typing import Any

from tests.bench import database, plots
from tests.bench.pages import CALLED
from tests.bench.rows import Row

DOCS = Path(__file__).parents[2] / "docs"
PAGE, PICTURES = DOCS / "performance.md", DOCS / "pictures"
BUDGETS = {
    1: "a page with nothing on it, signed in",
    2: "a page of one's connections",
    3: "the same page, of a hub",
    4: "a page far into a list",
    5: "lists in a community ten times as large",
    6: "searching people",
    7: "whom to suggest",
    8: "finding the members of an address book of 25,000",
    9: "the same in a community ten times as large",
    10: "sending 500 invitations",
    11: "accepting and removing",
    12: "the feed of a hub",
    13: "the bytes of any page",
    14: "pages a second of the server",
    15: "four processes that write",
    16: "what a member waits for",
}
ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
HEADS = ("", "what", "against", "found", "middle half", "statements", "aim", "met")


def keep(folder: Path, part: str, engine: str, found: Any) -> None:
    """Keep what a part of a run has found, for the page."""
    (folder / "found").mkdir(parents=True, exist_ok=True)
    (folder / "found" / f"{part}-{engine}.json").write_text(json.dumps(found, indent=1, default=vars))


def kept(folder: Path, part: str) -> dict[str, Any]:
    """Return what was found by a part, by engine."""
    found = {}
    for engine in database.ENGINES:
        file = folder / "found" / f"{part}-{engine}.json"
        if file.exists():
            found[engine] = json.loads(file.read_text())
    return found


def write(folder: Path) -> None:
    """Write all that is kept into the page."""
    budgets, serving, growth, hour = (kept(folder, part) for part in ("budgets", "serving", "growth", "memory"))
    rows = {
        engine: sorted(
            [Row(**each) for each in [*found["rows"], *serving.get(engine, {"rows": []})["rows"]]],
            key=lambda each: each.budget,
        )
        for engine, found in budgets.items()
    }
    blocks = {
        "summary": _summary(rows, budgets, serving),
        "pages": _pages(budgets),
        "growth": _growth(growth),
        "load": _load(serving),
        "memory": _memory(serving, hour),
        "budgets": _budgets(rows),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, block in blocks.items():
        made = f"<!-- measured: {name} -->\n\n" + "\n".join(block) + "\n\n<!-- end -->"
        text = re.sub(
            rf"<!-- measured: {name} -->.*?<!-- end -->", lambda _found, made=made: made, text, flags=re.DOTALL
        )
    PAGE.write_text(text, encoding="utf-8")


def _table(heads: Any, lines: Any) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "| " + " | ".join("---" for _ in heads) + " |"
    for line in lines:
        yield "| " + " | ".join(line) + " |"


def _summary(rows: dict[str, list[Row]], budgets: Any, serving: Any) -> Iterator[str]:
    for engine, found in budgets.items():
        yield f"- {found['setting']}"
        if engine in serving:
            yield f"- 14 to 16 and under load: {serving[engine]['setting']}"
    yield ""
    lines = []
    for number, what in BUDGETS.items():
        cells = []
        for every in rows.values():
            aimed = [each for each in every if each.budget == number and each.met is not None]
            missed = [each for each in aimed if not each.met]
            said = ", ".join(dict.fromkeys(each.why or f"{each.found} instead of {each.aim}" for each in missed))
            cells.append("not measured" if not aimed else f"**missed**: {said}" if missed else "met")
        lines.append([str(number), what, *cells])
    yield from _table(["", "budget", *(ENGINES[engine] for engine in rows)], lines)


def _budgets(rows: dict[str, list[Row]]) -> Iterator[str]:
    for engine, every in rows.items():
        yield f"### {ENGINES[engine]}"
        yield ""
        lines = [
            [
                str(each.budget),
                each.what.replace("|", " "),
                each.against,
                each.found,
                each.spread,
                each.statements,
                each.aim,
                "" if each.met is None else "yes" if each.met else "**no**" + (f": {each.why}" if each.why else ""),
            ]
            for each in every
        ]
        yield from _table(HEADS, lines)
        yield ""


def _pages(budgets: Any) -> Iterator[str]:
    for engine, found in budgets.items():
        takes = {each["url"]: {CALLED[name]: value for name, value in each["takes"].items()} for each in found["pages"]}
        name = f"pages-{engine}.svg"
        title = f"How many null routes a page takes, {ENGINES[engine]}"
        told = "; ".join(
            f"{url}: " + ", ".join(f"{who} {number:.0f}" for who, number in row.items()) for url, row in takes.items()
        )
        (PICTURES / name).write_text(plots.dots(title, told, takes, "null routes"), encoding="utf-8")
        yield f"![{title}, for members with few and with many connections; the numbers are in the table below](pictures/{name})"
        yield ""
    engines = list(budgets)
    heads = ["page", *(f"{ENGINES[engine]}: {called}" for engine in engines for called in CALLED.values())]
    heads += [*(f"statements, {ENGINES[engine]}" for engine in engines), "kB"]
    lines = []
    for at, each in enumerate(budgets[engines[0]]["pages"] if engines else []):
        same = [budgets[engine]["pages"][at] for engine in engines]
        cells = [f"{page['takes'][name]:.0f}" for page in same for name in CALLED]
        cells += [" / ".join(map(str, dict.fromkeys(page["statements"].values()))) for page in same]
        lines.append([each["url"], *cells, f"{max(page['bytes'] for page in same) / 1000:.1f}"])
    yield from _table(heads, lines)


def _growth(growth: Any) -> Iterator[str]:
    for engine, found in growth.items():
        sizes = found["sizes"]
        series = {url: [(each["members"], each["pages"][url]) for each in sizes] for url in list(sizes[0]["pages"])[:5]}
        name = f"growth-{engine}.svg"
        title = f"Pages of the member in the middle as the community grows, {ENGINES[engine]}"
        told = "; ".join(
            f"{url}: " + ", ".join(f"{y:.0f} ms with {x:,}" for x, y in points) for url, points in series.items()
        )
        drawn = plots.lines(title, told, series, "members", "milliseconds", logarithmic=True)
        (PICTURES / name).write_text(drawn, encoding="utf-8")
        yield f"![{title}; the numbers are in the table below](pictures/{name})"
        yield ""
        heads = [
            f"{ENGINES[engine]}, {sizes[0]['connections']} connections a member",
            *(f"{each['members']:,} members" for each in sizes),
            f"{sizes[-1]['members'] // sizes[0]['members']} times the members",
        ]
        lines = [
            [
                f"{url}, {whose}",
                *(f"{each[part][url]:.1f} ms" for each in sizes),
                f"{sizes[-1][part][url] / sizes[0][part][url]:.2f} times",
            ]
            for part, whose in (("pages", "in the middle"), ("of_hub", "the hub"))
            for url in sizes[0][part]
        ]
        lines.append(
            [
                "database",
                *(f"{each['bytes'] / 1e6:,.0f} MB" for each in sizes),
                f"{sizes[-1]['bytes'] / sizes[0]['bytes']:.0f} times",
            ]
        )
        yield from _table(heads, lines)
        yield ""
        yield f"{found['setting']}. The hubs have {', '.join(f'{each:,}' for each in found['hubs'])} connections."
        yield ""


LOADS = {
    "peak": "100 browsers, a request every 14 seconds: the peak of 100,000 members, as [scale.md](scale.md) assumes it",
    "leisure": "100 browsers, a request every five seconds",
    "rush": "100 browsers, each asks again at once",
    "brisk": "**two processes:** 100 browsers, a request nearly every second",
    "rush of two": "**two processes:** 100 browsers, each asks again at once",
    "import": "20 browsers, one request a second, while an address book of 10,000 is read",
}


def _load(serving: Any) -> Iterator[str]:
    lines = []
    for engine, found in serving.items():
        for name, what in LOADS.items():
            each = found["load"][name]
            times = [f"{each[cut]:,.0f} ms" for cut in ("p50", "p95", "p99")]
            lines.append(
                [ENGINES[engine], what, f"{each['requests']:,}", f"{each['rate']:.0f}", *times, str(each["errors"])]
            )
    heads = ("", "who asks", "requests", "a second", "half within", "95 % within", "99 % within", "errors")
    yield from _table(heads, lines)
    yield ""
    for engine, found in serving.items():
        each = found["load"]["import"]
        yield (
            f"On {ENGINES[engine]} the book was uploaded, read, compared and kept in {each['read']:.1f} seconds beside the 20 browsers; "
            f"its first screen took {each['shown'] * 1000:.0f} ms more."
        )


def _memory(serving: Any, hour: Any) -> Iterator[str]:
    lines = []
    for engine, found in serving.items():
        for what, (every, own) in found["memory"].items():
            lines.append([ENGINES[engine], what, f"{every:.0f} MB", f"{own:.0f} MB"])
    yield from _table(("", "`kith serve`, 10,000 members", "all processes (PSS)", "of it no pages of files"), lines)
    yield ""
    for engine, found in hour.items():
        held = found["held"]
        every = [(minute, total) for minute, total, _own in held]
        own = [(minute, mine) for minute, _total, mine in held]
        title = f"Memory of the server over {found['minutes']:.0f} minutes of load, {ENGINES[engine]}"
        told = f"From {every[0][1]:.0f} MB to {every[-1][1]:.0f} MB; without pages of files {own[-1][1]:.0f} MB."
        name = f"memory-{engine}.svg"
        series = {"all that its processes hold (PSS)": every, "without pages of files": own}
        (PICTURES / name).write_text(plots.lines(title, told, series, "minutes", "MB"), encoding="utf-8")
        yield f"![{title}. {told}](pictures/{name})"
        yield ""
        late = [row for row in held if row[0] >= found["minutes"] / 3]
        slopes = [linear_regression([row[0] for row in late], [row[at] for row in late]).slope * 60 for at in (1, 2)]
        yield (
            f"{ENGINES[engine]}, {found['minutes']:.0f} minutes, {found['requests']:,} requests of 100 members, "
            f"{sum(found['errors'].values())} errors: {found['rest'][0]:.0f} MB before, {every[-1][1]:.0f} MB at the end, "
            f"at most {max(total for _at, total in every):.0f} MB. From minute {late[0][0]:.0f} on it grew by {slopes[0]:.0f} MB an hour, "
            f"without pages of files by {slopes[1]:.0f}."
        )
        yield ""
