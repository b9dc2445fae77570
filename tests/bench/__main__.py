"""Run it: `make bench`, or `python -m tests.bench --help`."""

import platform
import sqlite3
import time
from pathlib import Path
from typing import Any

import click

from tests.bench import budgets, database, growth, pages, report, serving, vitals
from tests.bench.database import Communities, Sizes
from tests.bench.rows import Row
from tests.bench.stage import Stage
from tests.load import READS
from webapp.extensions import db

PARTS = ("budgets", "serving", "growth", "memory")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--members", default=30_000, show_default=True, help="How many members.")
@click.option("--connections", default=50, show_default=True, help="How many connections each has on average.")
@click.option(
    "--rounds", default=40, show_default=True, type=click.IntRange(min=4), help="How many turns of each page."
)
@click.option("--engine", type=click.Choice(database.ENGINES), multiple=True, help="Only this engine.")
@click.option("--part", type=click.Choice(PARTS), multiple=True, help="Only this part.")
@click.option("--grow", "sizes", multiple=True, help="Sizes to compare, as 1000000x20.  [default: a tenth and all]")
@click.option("--seconds", default=20.0, show_default=True, help="How long each kind of load lasts.")
@click.option("--minutes", default=2.0, show_default=True, help="How long memory is looked at.")
@click.option("--folder", default="instance/bench", show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--write/--no-write", default=True, show_default=True, help="Write what was found into docs/performance.md."
)
def bench(
    members: int,
    connections: int,
    rounds: int,
    engine: tuple[str, ...],
    part: tuple[str, ...],
    sizes: tuple[str, ...],
    seconds: float,
    minutes: float,
    folder: Path,
    *,
    write: bool,
) -> None:
    """Measure how quick Kith is: its budgets, what a server bears, how it grows. The databases are made once and used again."""
    large, small = (Sizes(number, connections) for number in (members, members // 10))
    grown = [Sizes(*map(int, each.split("x"))) for each in sizes] or [small, large]
    with Communities(folder) as communities:
        measures = {
            "budgets": lambda name: _budgets(communities, name, small, large, rounds),
            "serving": lambda name: _serving(communities, name, small, seconds),
            "growth": lambda name: _grown(communities, name, grown, rounds),
            "memory": lambda name: _memory(communities, name, small, minutes),
        }
        for name in engine or database.ENGINES:
            for each in part or PARTS:
                begun = time.monotonic()
                report.keep(communities.folder, each, name, measures[each](name))
                click.echo(f"{name}, {each}: {time.monotonic() - begun:.0f} seconds.")
    if write:
        report.write(communities.folder)


def _engine() -> str:
    if db.engine.dialect.name == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    with db.engine.connect() as connection:
        return f"PostgreSQL {connection.exec_driver_sql('SHOW server_version').scalar_one().split()[0]}"


def _setting(*sizes: Sizes) -> str:
    many = " against ".join(f"{each.members:,}" for each in sizes)
    return (
        f"{_engine()}, Python {platform.python_version()}: {many} members, {sizes[0].connections} connections on average; "
        f"{database.setting()}"
    )


def _budgets(communities: Communities, engine: str, small: Sizes, large: Sizes, rounds: int) -> dict[str, Any]:
    with communities.open(engine, small) as few, communities.open(engine, large) as many:
        with few[0].app_context():
            smaller = Stage(*few, rounds)
        stage = Stage(*many, rounds)
        setting = (
            f"{_setting(large, small)}; in the middle {stage.degrees['median']:,} connections, "
            f"the hub {stage.degrees['hub']:,}, near the cap {stage.degrees['cap']:,}"
        )
        rows = _said(budgets.Budgets(stage, smaller).rows())
        shown = list(pages.every(stage))
        rows += _said([budgets.sizes(shown)])
    return {"setting": setting, "rows": rows, "pages": shown}


def _serving(communities: Communities, engine: str, sizes: Sizes, seconds: float) -> dict[str, Any]:
    with communities.open(engine, sizes) as (_app, cast):
        setting = _setting(sizes)
    settings = communities.settings(engine, sizes)
    with serving.served(settings, cast.drawn) as house:
        held = {"after the start and a first page": serving.rested(house)}
        rows = _said(serving.waits(house, READS))
        rows += _said(vitals.measured(house))
        held["after a few hundred pages, one at a time"] = serving.holds(house)
        rows += _said(serving.throughput(house, seconds))
        load = serving.loaded(house, seconds)
        held["after the load below"] = serving.holds(house)
    with serving.served(settings, cast.drawn, "--workers", "2") as house:
        held["two processes, after the start and a first page"] = serving.rested(house)
        load |= serving.loaded_together(house, seconds)
        held["two processes, after the load below"] = serving.holds(house)
    rows += _said(serving.writers(settings, cast))
    return {"setting": setting, "rows": rows, "load": load, "memory": held}


def _grown(communities: Communities, engine: str, sizes: list[Sizes], rounds: int) -> dict[str, Any]:
    found = growth.measure(communities, engine, sizes, rounds)
    return {"setting": database.setting().capitalize(), "sizes": found, "hubs": [each.degree for each in found]}


def _memory(communities: Communities, engine: str, sizes: Sizes, minutes: float) -> dict[str, Any]:
    with communities.open(engine, sizes) as (_app, cast):
        pass
    with serving.served(communities.settings(engine, sizes), cast.drawn) as house:
        serving.rested(house)
        return serving.over_time(house, minutes, serving.LONG_PAUSE)


def _said(rows: Any) -> list[Row]:
    """Return the lines, each told as it comes."""
    found = []
    for each in rows:
        met = "" if each.met is None else "yes" if each.met else f"NO {each.why}"
        cells = (each.budget, each.what, each.against, each.found, each.spread, each.statements, each.aim, met)
        click.echo(" | ".join(map(str, cells)))
        found.append(each)
    return found


bench()
