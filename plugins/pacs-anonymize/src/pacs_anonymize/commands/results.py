"""What became of all files: for people, for programs, and as a report of every change."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import click

from pacs_anonymize.commands.work import Done, Outcome
from pacs_anonymize.engine.anonymizer import Change
from pacs_framework.cli.output import print_json, print_table
from pacs_framework.whole_file import whole_file

__all__ = ["Results"]

_KEPT_FOR_PEOPLE = (Outcome.FAILED, Outcome.SKIPPED)


class Results:
    """Takes one result after the other; of millions that went well, people want the number only."""

    def __init__(self, *, as_json: bool, dry_run: bool) -> None:
        self._as_json = as_json
        self._dry_run = dry_run
        self._counts: Counter[Outcome] = Counter()
        self._rows: list[Done] = []
        self._changed: Counter[tuple[str, str, str]] = Counter()
        self._report: BinaryIO | None = None

    @property
    def good(self) -> bool:
        """Whether there were instances, and all of them went well."""
        went_well = self._counts[Outcome.WRITTEN] + self._counts[Outcome.TRIED]
        return went_well > 0 and not self._counts[Outcome.FAILED]

    def report_to(self, file: Path, files: ExitStack, *, overwrite: bool) -> None:
        """Write each instance's changes to ``file``, which is there when ``files`` ends well."""
        self._report = files.enter_context(whole_file(file, overwrite=overwrite))

    def add(self, done: Done) -> None:
        """Take what became of one file."""
        self._counts[done.outcome] += 1
        if self._as_json or done.outcome in _KEPT_FOR_PEOPLE:
            self._rows.append(done)
        if done.outcome in _KEPT_FOR_PEOPLE:
            return
        if self._report is not None:
            self._report.write(json.dumps(_instance(done)).encode() + b"\n")
        if self._dry_run:
            # Once for each instance, however many items of a sequence have the attribute.
            self._changed.update({(_name(c), c.action.value, c.rule) for c in done.changes})

    def print(self) -> None:
        """Tell it all."""
        if self._as_json:
            print_json([self._row(done) for done in self._rows])
            return
        if not self._counts:
            click.echo("there are no files", err=True)
        for done in self._rows:
            click.echo(f"{done.outcome.value}: {done.path}: {done.error}", err=True)
        if self._changed:
            rows = sorted((*key, str(count)) for key, count in self._changed.items())
            print_table(("ATTRIBUTE", "ACTION", "RULE", "INSTANCES"), rows)
        went_well = Outcome.TRIED if self._dry_run else Outcome.WRITTEN
        word = "would be written" if self._dry_run else "written"
        click.echo(
            f"{self._counts[went_well]} {word}, {self._counts[Outcome.FAILED]} failed, "
            f"{self._counts[Outcome.SKIPPED]} skipped"
        )

    def _row(self, done: Done) -> dict[str, object]:
        row: dict[str, object] = {
            "path": str(done.path),
            "outcome": done.outcome.value,
            "output": "" if done.output is None else str(done.output),
            "sop_instance_uid": done.sop_instance_uid,
            "error": done.error,
        }
        if self._dry_run:
            row["changes"] = [_change(change) for change in done.changes]
        return row


def _instance(done: Done) -> dict[str, object]:
    """A line of the report. It does not tell the old file, whose name may be the patient's."""
    return {
        "sop_instance_uid": done.sop_instance_uid,
        "changes": [_change(change) for change in done.changes],
    }


def _change(change: Change) -> dict[str, object]:
    return {
        "attribute": change.path,
        "tag": f"{change.tag:08X}",
        "action": change.action.value,
        "rule": change.rule,
        "before": change.before,
        "after": change.after,
    }


def _name(change: Change) -> str:
    """The attribute, wherever in the instance it stands; private ones are many, and one line."""
    if change.tag >> 16 & 1:
        return "private attributes"
    return change.keyword or f"({change.tag >> 16:04x},{change.tag & 0xFFFF:04x})"
