"""``pacs routing list`` and ``test``: the rules, and what they say of an instance."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from pacs_framework.archive.incoming import Origin
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_routing.commands.opening import settings_of
from pacs_routing.deciding import Judged, judged
from pacs_routing.facts import InstanceFacts
from pacs_routing.settings import Complete, CompleteBy, Rule

__all__ = ["list_", "test"]


@click.command("list")
@archive_options
@json_option
def list_(choice: ArchiveChoice, as_json: bool) -> None:
    """List the rules in the order in which they are asked.

    \b
    Example:
        pacs routing list --json
    """
    rules = settings_of(choice.configured()).rule
    if as_json:
        print_json([rule.model_dump(mode="json") for rule in rules])
        return
    columns = ("RULE", "WHEN", "SEND TO", "COMPLETE", "PRIORITY", "LABEL")
    print_table(columns, [_row(rule) for rule in rules])


def _row(rule: Rule) -> tuple[str, ...]:
    when = rule.when or "always"
    complete = str(rule.complete)
    if rule.complete is not Complete.INSTANCE:
        complete += f", {_ways(rule)}"
    if rule.last:
        when += " (last)"
    return rule.name, when, " ".join(rule.send_to), complete, str(rule.priority), rule.label


def _ways(rule: Rule) -> str:
    """By what it is complete, as ``quiet 60 s or mpps``."""
    said = {CompleteBy.QUIET: f" {rule.quiet:g} s", CompleteBy.COUNT: f" {rule.count}"}
    return " or ".join(f"{way}{said.get(CompleteBy(way), '')}" for way in rule.complete_by)


@click.command("test")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@archive_options
@click.option("--calling-aet", default="", help="As if it came from this AE title.")
@click.option("--called-aet", default="", help="As if this AE title had been called.")
@click.option("--address", default="", help="As if it came from this address.")
@click.option("--door", default="dimse", show_default=True, help="As if it came in by this door.")
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    help="As if it came then; now, unless given.",
)
@json_option
def test(
    choice: ArchiveChoice,
    files: tuple[Path, ...],
    calling_aet: str,
    called_aet: str,
    address: str,
    door: str,
    at: dt.datetime | None,
    as_json: bool,
) -> None:
    """Say of each of FILES which rules would send it where, and why. Nothing is sent.

    \b
    Example:
        pacs routing test scan.dcm --calling-aet CT1 --at 2026-11-22T19:30
    """
    rules = settings_of(choice.configured()).rule
    origin = Origin(door=door, calling_aet=calling_aet, called_aet=called_aet, address=address)
    moment = at or dt.datetime.now(dt.UTC).astimezone()
    told: list[dict[str, Any]] = []
    for file in files:
        found = judged(rules, _facts(file, origin, moment))
        told.append({"file": str(file), "rules": [_told(each) for each in found]})
        if not as_json:
            _print(file, found)
    if as_json:
        print_json(told)


def _facts(file: Path, origin: Origin, moment: dt.datetime) -> InstanceFacts:
    try:
        dataset = dcmread(file, stop_before_pixels=True)
    except (InvalidDicomError, OSError, ValueError) as error:
        raise click.ClickException(f"{file} cannot be read: {error}") from error
    meta = getattr(dataset, "file_meta", Dataset())
    syntax = str(meta.get("TransferSyntaxUID", ""))
    return InstanceFacts(lambda: dataset, origin=origin, transfer_syntax_uid=syntax, at=moment)


def _told(each: Judged) -> dict[str, Any]:
    return {
        "rule": each.rule.name,
        "asked": each.asked,
        "fired": each.fired,
        "known": each.known,
        "when": each.rule.when,
        "send_to": list(each.rule.send_to) if each.fired else [],
        "label": each.rule.label if each.fired else "",
        "findings": [
            {"comparison": finding.text, "found": list(finding.found), "true": finding.holds}
            for finding in each.findings
        ],
    }


def _print(file: Path, found: list[Judged]) -> None:
    destinations = dict.fromkeys(name for each in found if each.fired for name in each.rule.send_to)
    click.echo(f"{file}: {'sent to ' + ' '.join(destinations) if destinations else 'stays here'}")
    for each in found:
        click.echo(f"  {each.rule.name}: {_verdict(each)}")
        for finding in each.findings:
            values = "\\".join(finding.found) or "nothing"
            click.echo(f"    {_SHOWN[finding.holds]}  {finding.text}: found {values}")


_SHOWN = {True: "yes", False: "no ", None: "?  "}


def _verdict(each: Judged) -> str:
    if not each.asked:
        return "not asked: an earlier rule is the last"
    if not each.fired:
        return "not true" if each.known else "not known to be true: a value cannot be read"
    rule, does = each.rule, ["true"]
    if rule.label:
        does.append(f"labels its study {rule.label}")
    if rule.send_to:
        waits = "" if rule.complete is Complete.INSTANCE else f" with its {rule.complete}"
        does.append(f"to {' '.join(rule.send_to)}{waits}")
    return ", ".join(does)
