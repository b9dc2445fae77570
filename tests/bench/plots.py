"""Plots as SVG, by hand: on a ground of their own, and legible in the light and in the dark."""

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH, LEFT, LINE = 760, 232, 22
COLOURS = (
    ("#1a5fb4", "#78aeed"),
    ("#b5500b", "#ffa348"),
    ("#2b7a4b", "#7fd6a0"),
    ("#8a2f8f", "#dc8add"),
    ("#6b6b6b", "#c0bfbc"),
)
MARKS = ("circle", "square", "diamond", "triangle", "circle")
"""A series is told by its shape, too."""
STYLE = (
    "svg{font:13px system-ui,sans-serif}.g{fill:#fff}.t{fill:#1d1d20}.m{fill:#5e5c64}.r{stroke:#d5d3d8}"
    + "".join(f".c{number}{{fill:{light};stroke:{light}}}" for number, (light, _dark) in enumerate(COLOURS))
    + "@media(prefers-color-scheme:dark){.g{fill:#1e1e22}.t{fill:#f2f1f4}.m{fill:#b5b3ba}.r{stroke:#47454d}"
    + "".join(f".c{number}{{fill:{dark};stroke:{dark}}}" for number, (_light, dark) in enumerate(COLOURS))
    + "}.l{fill:none;stroke-width:2}"
)


def dots(title: str, told: str, rows: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """A line for each row, with a mark for each of its values; the values on a logarithmic scale."""
    names = list(next(iter(rows.values())))
    values = [value for row in rows.values() for value in row.values()]
    low, high = _below(min(values)), max(values) * 1.15
    top = 64
    height = top + LINE * len(rows) + 40

    def at(value: float) -> float:
        return LEFT + (WIDTH - LEFT - 30) * math.log(value / low) / math.log(high / low)

    drawn = []
    for tick in _ticks(low, high):
        drawn.append(_rule(at(tick), top - 6, at(tick), height - 34))
        drawn.append(_text(at(tick), height - 18, _number(tick), "middle"))
    drawn.append(_text(WIDTH - 30, height - 4, unit, "end"))
    for number, (what, row) in enumerate(rows.items()):
        y = top + LINE * number + LINE / 2
        drawn.append(_text(LEFT - 12, y + 4, what, "end", "t"))
        drawn.append(_rule(at(min(row.values())), y, at(max(row.values())), y))
        drawn += [_mark(each, at(value), y) for each, value in enumerate(row.values())]
    return _svg(title, told, height, [*_legend(names), *drawn])


def lines(
    title: str,
    told: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    across: str,
    up: str,
    *,
    logarithmic: bool = False,
) -> str:
    """A line for each series; `logarithmic` in both directions, else both begin at nothing."""
    points = [point for each in series.values() for point in each]
    height, top, bottom, left = 390, 86, 52, 70
    right = WIDTH - 44
    ends = []
    for axis in (0, 1):
        every = [point[axis] for point in points]
        if logarithmic:
            ends.append((_below(min(every)), max(every) * (1 if axis == 0 else 1.15)))
        else:
            ends.append((0, max(every) * (1 if axis == 0 else 1.15)))

    def part(value: float, axis: int) -> float:
        low, high = ends[axis]
        return math.log(value / low) / math.log(high / low) if logarithmic else (value - low) / (high - low)

    def place(x: float, y: float) -> tuple[float, float]:
        return left + (right - left) * part(x, 0), height - bottom - (height - bottom - top) * part(y, 1)

    drawn = []
    ticks = [_ticks(*each) if logarithmic else _steps(each[1]) for each in ends]
    for tick in ticks[0]:
        x, y = place(tick, ends[1][0])
        drawn.append(_text(x, y + 18, _number(tick), "middle"))
    for tick in ticks[1]:
        x, y = place(ends[0][0], tick)
        drawn += [_rule(x, y, right, y), _text(x - 8, y + 4, _number(tick), "end")]
    drawn += [_text((left + right) / 2, height - 14, across, "middle"), _text(18, top - 14, up)]
    for number, each in enumerate(series.values()):
        path = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in each)
        drawn.append(f'<polyline class="l c{number}" style="fill:none" points="{path}"/>')
        if len(each) < 12:
            drawn += [_mark(number, *place(*point)) for point in each]
    return _svg(title, told, height, [*_legend(list(series)), *drawn])


def _below(value: float) -> float:
    """Return the next 1, 2 or 5 with zeros behind it that is not larger."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in (1, 2, 5) if step * power <= value)


def _ticks(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    wide = last - first > 2
    found = [step * 10.0**power for power in range(first, last + 1) for step in ((1,) if wide else (1, 2, 5))]
    return [each for each in found if low <= each <= high]


def _steps(high: float) -> list[float]:
    size = 10 ** math.floor(math.log10(high))
    step = next(each * size for each in (0.1, 0.2, 0.25, 0.5, 1) if high / (each * size) <= 8)
    return [number * step for number in range(int(high / step) + 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "m") -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="r" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _mark(number: int, x: float, y: float) -> str:
    kind = MARKS[number]
    if kind == "circle":
        return f'<circle class="c{number}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    shape = {
        "square": ((-4, -4), (4, -4), (4, 4), (-4, 4)),
        "diamond": ((0, -6), (6, 0), (0, 6), (-6, 0)),
        "triangle": ((0, -6), (6, 5), (-6, 5)),
    }[kind]
    return f'<polygon class="c{number}" points="{" ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in shape)}"/>'


def _legend(names: Sequence[str]) -> list[str]:
    drawn, x = [], 24.0
    for number, name in enumerate(names):
        drawn += [_mark(number, x, 44), _text(x + 12, 48, name, kind="t")]
        x += 34 + 7.2 * len(name)
    return drawn


def _svg(title: str, told: str, height: float, drawn: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-labelledby="t d">'
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(told)}</desc><style>{STYLE}</style>'
        f'<rect class="g" width="{WIDTH}" height="{height:.0f}" rx="10"/>'
    )
    return "\n".join([head, _text(18, 26, title, kind="t"), *drawn, "</svg>", ""])
