"""Run it: `make bench`, or `python -m tests.bench --help`."""

import os
import platform
import sqlite3
import time
from pathlib import Path

import click

from tests.bench import cases, database
from webapp.extensions import db

HEADS = ("", "against", "ratio", "half of all", "statements", "aim")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--members", default=30_000, show_default=True, help="How many members.")
@click.option("--connections", default=50, show_default=True, help="How many connections each has on average.")
@click.option(
    "--rounds", default=40, show_default=True, type=click.IntRange(min=2), help="How many turns of each page."
)
@click.option("--engine", type=click.Choice(database.ENGINES), multiple=True, help="Only this engine.")
@click.option("--folder", default="instance/bench", show_default=True, type=click.Path(path_type=Path))
def bench(members: int, connections: int, rounds: int, engine: tuple[str, ...], folder: Path) -> None:
    """Measure how quick Kith is, as ratios of one run. The databases, one of a tenth of the size, are made once and used again."""
    sizes, tenth = (database.Sizes(number, connections) for number in (members, members // 10))
    with database.Communities(folder) as communities:
        for name in engine or database.ENGINES:
            begun = time.monotonic()
            with communities.open(name, tenth) as small:
                smaller = cases.Bench(*small, rounds)
                with communities.open(name, sizes) as large:
                    click.echo(f"\n{_setting(sizes)}\n")
                    _table(cases.Bench(*large, rounds), smaller)
            click.echo(f"\n{name}: {time.monotonic() - begun:.0f} seconds.")


def _setting(sizes: database.Sizes) -> str:
    if db.engine.dialect.name == "sqlite":
        engine = f"SQLite {sqlite3.sqlite_version}"
    else:
        with db.engine.connect() as connection:
            engine = f"PostgreSQL {connection.exec_driver_sql('SHOW server_version').scalar_one()}"
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{engine}, Python {platform.python_version()}; {sizes.members:,} members, {sizes.connections} connections on average, "
        f"one with {sizes.cap:,}; {os.cpu_count()} cores, load {load}"
    )


def _table(measured: cases.Bench, smaller: cases.Bench) -> None:
    part = ""
    _line(HEADS)
    _line(["-" * width for width in WIDTHS])
    for row in measured.rows(smaller):
        if row.part != part:
            part = row.part
            _line([f"**{part}**"])
        found = row.ratio
        spread = "" if found.low == found.high else f"{found.low:.2f}–{found.high:.2f}"
        _line([row.what, row.against, f"{found.middle:.2f}", spread, row.statements, row.aim and f"≤ {row.aim}"])


WIDTHS = (46, 22, 8, 14, 10, 6)


def _line(cells) -> None:
    filled = [*cells, *[""] * (len(WIDTHS) - len(cells))]
    click.echo("| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(filled, WIDTHS, strict=True)) + " |")


bench()
