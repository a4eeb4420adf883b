"""``pacs plugins --top``: what the plugins of a running archive do, refreshed while one looks."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pacs_framework.cli.output import print_json, print_table
from pacs_framework.live import ask
from pacs_framework.plugins.look import HookRow, Look

__all__ = ["show_top"]

_COLUMNS = (
    *("PLUGIN", "HOOK", "CALLS", "/S", "ERRORS", "OVER TIME", "MS/CALL", "RUNNING", "STATE"),
    "LAST ERROR",
)


def show_top(data: Path, interval: float, *, as_json: bool, wait: bool) -> None:
    """Show the figures of the archive in ``data``: again and again on a terminal, once elsewhere.

    Where they are shown once, rates are since the start, or with ``wait`` over the interval. Raises
    click's exception (exit code 1) when no archive runs there.
    """
    before, look = None, _look(data)
    once = as_json or not Console().is_terminal
    if once and wait:
        time.sleep(interval)
        before, look = look, _look(data)
    if as_json:
        print_json(
            {
                "processes": look.processes(),
                "problems": look.problems,
                "hooks": [row.as_json() for row in look.rows(before)],
            }
        )
    elif once:
        print_table(_COLUMNS, _cells(look.rows(before)))
        _tell_problems(look)
    else:
        _refresh(data, interval, look)


def _refresh(data: Path, interval: float, look: Look) -> None:
    """Until Ctrl-C, or until the archive ends."""
    with (
        suppress(KeyboardInterrupt),
        Live(_table(look, look.rows()), auto_refresh=False, screen=True) as screen,
    ):
        while True:
            time.sleep(interval)
            before, look = look, _look(data)
            screen.update(_table(look, look.rows(before)), refresh=True)


def _look(data: Path) -> Look:
    answers = ask(data, "figures")
    if not answers:
        raise click.ClickException(f"no archive runs on {data}")
    return Look(answers)


def _tell_problems(look: Look) -> None:
    for problem in look.problems:
        click.echo(f"not counted: {problem}", err=True)


def _table(look: Look, rows: Iterable[HookRow]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    table.caption = Text("; ".join(look.problems)) if look.problems else None
    for column in _COLUMNS:
        table.add_column(column, overflow="fold")
    for cells in _cells(rows):
        table.add_row(*(Text(cell) for cell in cells))  # Text: brackets are not markup
    return table


def _cells(rows: Iterable[HookRow]) -> Iterable[tuple[str, ...]]:
    for row in rows:
        figures = row.figures
        if not (figures.calls or figures.running or figures.errors):
            continue  # a terminal is small
        per_call = figures.seconds / figures.calls * 1e3 if figures.calls else 0.0
        yield (
            figures.plugin,
            figures.hook,
            str(figures.calls),
            f"{row.calls_per_second:.1f}",
            str(figures.errors),
            str(figures.overruns),
            f"{per_call:.2f}",
            _running(row),
            _state(row),
            figures.last_error,
        )


def _running(row: HookRow) -> str:
    """How many calls are in progress, and since when the oldest one."""
    figures = row.figures
    if not figures.running:
        return ""
    overdue = f", {figures.overdue} over time" if figures.overdue else ""
    return f"{figures.running} ({figures.running_seconds:.1f} s{overdue})"


def _state(row: HookRow) -> str:
    texts = (f"circuit {circuit.state} since {circuit.since}" for circuit in row.circuits)
    return ", ".join(dict.fromkeys(texts))
