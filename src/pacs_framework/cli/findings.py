"""What `verify` and `reindex` have in common: a bar while they work, and what they found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict

import click

from pacs_framework.archive.verify import Finding
from pacs_framework.cli.output import counting, print_json, print_table

__all__ = ["Count", "counted", "print_findings"]


class Count:
    """How many of how many are done; called by the work, and passed on to the bar."""

    def __init__(self, show: Callable[[int, int], None]) -> None:
        self.done = 0
        self._show = show

    def __call__(self, done: int, total: int) -> None:
        """Take note of the progress."""
        self.done = done
        self._show(done, total)


@contextmanager
def counted(title: str) -> Iterator[Count]:
    """A bar for the time of the block, and the number that was done."""
    with counting(title) as show:
        yield Count(show)


def print_findings(
    noun: str,
    done: int,
    findings: Sequence[Finding],
    *,
    as_json: bool,
    fine: str,
    more: Mapping[str, object] | None = None,
) -> None:
    """Tell what is wrong, as a table or as JSON; ``fine`` is the end of the good sentence.

    ``more`` is further members of the JSON.
    """
    if as_json:
        told = [asdict(finding) for finding in findings]
        print_json({noun: done, "findings": told, **(more or {})})
    elif findings:
        columns = ("WHAT", "SOP INSTANCE UID", "STORAGE KEY", "DETAIL")
        rows = [(f.kind, f.sop_instance_uid, f.storage_key, f.detail) for f in findings]
        print_table(columns, rows)
    else:
        click.echo(f"{done} {noun}, {fine}")
