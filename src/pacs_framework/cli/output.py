"""How commands speak to their user: progress bars on long work, tables, and JSON beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

__all__ = ["counting", "json_option", "print_json", "print_table", "progress"]

_T = TypeVar("_T")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
"""Adds ``--json``; the command gets it as ``as_json``."""


def progress(items: Iterable[_T], title: str, *, total: int | None = None) -> Iterator[_T]:
    """Pass ``items`` on and show a bar on standard error while a terminal is looking."""
    with _bar() as bar:
        yield from bar.track(items, total=total, description=title)


@contextmanager
def counting(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for work that tells itself how many of how many are done."""
    with _bar() as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _bar() -> Progress:
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def print_json(value: object) -> None:
    """Print ``value`` for a program to read."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows for a person to read; nothing is cut where the output is not a terminal."""
    console = Console(soft_wrap=False, width=None if Console().is_terminal else 10_000)
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: brackets are not markup
    console.print(table)
