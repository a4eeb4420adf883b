"""``pacs codecs``: which transfer syntaxes this installation decodes and encodes, and by what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.codecs.registry import CodecRegistry, Provided
from pacs_framework.codecs.syntaxes import syntax_name
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES, UNCOMPRESSED

__all__ = ["command"]


@click.command("codecs")
@click.option("--all", "every", is_flag=True, help="Also those that nobody decodes or encodes.")
@click.option("--measure", is_flag=True, help="How long each of them takes here, for one frame.")
@archive_options
@json_option
def command(choice: ArchiveChoice, every: bool, measure: bool, as_json: bool) -> None:
    """List compressed transfer syntaxes, and who decodes and encodes them, in the order of asking.

    Whatever is stored is kept in its own transfer syntax, with or without a codec; codecs are for
    receivers that take another one, and for `pacs convert`.

    The order is that of `[codecs] prefer`, then of the cost that codecs tell of themselves.
    --measure shows whether it is the right one here: processor time for a grey frame of 512 × 512.

    \b
    Examples:
        pacs codecs --all --json
        pacs codecs --measure
    """
    if measure:
        _print_measured(choice.configured().codec_registry(), as_json)
        return
    rows = [row for row in _rows(choice.configured().codec_registry()) if every or row.provided]
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    columns = ("TRANSFER SYNTAX", "UID", "DECODES", "ENCODES", "WITH LOSS")
    print_table(columns, (row.cells() for row in rows))


def _print_measured(registry: CodecRegistry, as_json: bool) -> None:
    # Not above: nobody else waits for it.
    from pacs_framework.codecs.measuring import measured  # noqa: PLC0415

    rows = [
        {
            "name": syntax_name(each.provided.codec.transfer_syntax),
            "uid": each.provided.codec.transfer_syntax,
            "asked": each.asked,
            "plugin": each.provided.plugin,
            "library": each.provided.codec.name,
            "decode_ms": _milliseconds(each.decode_seconds),
            "encode_ms": _milliseconds(each.encode_seconds),
            "frame_bytes": each.frame_bytes,
        }
        for each in measured(registry)
    ]
    if as_json:
        print_json(rows)
        return
    columns = ("TRANSFER SYNTAX", "ASKED", "PLUGIN", "LIBRARY", "DECODE MS", "ENCODE MS")
    keys = ("name", "asked", "plugin", "library", "decode_ms", "encode_ms")
    print_table(columns, ([_cell(row[key]) for key in keys] for row in rows))


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def _cell(value: object) -> str:
    return "–" if value is None else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One transfer syntax; each provider is (plugin, library).

    Those that encode with loss come with what the loss is measured in.
    """

    name: str
    uid: str
    decodes: list[tuple[str, str]]
    encodes: list[tuple[str, str]]
    encodes_lossy: list[tuple[str, str, list[str]]]

    @property
    def provided(self) -> bool:
        return bool(self.decodes or self.encodes or self.encodes_lossy)

    def cells(self) -> tuple[str, ...]:
        """For the table."""
        lossy = ((plugin, f"{name}: {', '.join(by)}") for plugin, name, by in self.encodes_lossy)
        return (self.name, self.uid, _text(self.decodes), _text(self.encodes), _text(lossy))


def _rows(registry: CodecRegistry) -> Iterator[_Row]:
    offered: dict[str, list[Provided]] = {}
    for each in registry:
        offered.setdefault(each.codec.transfer_syntax, []).append(each)
    for syntax in sorted({*TRANSFER_SYNTAXES, *offered} - UNCOMPRESSED, key=_by_number):
        here = offered.get(syntax, [])
        yield _Row(
            name=syntax_name(syntax),
            uid=syntax,
            decodes=[_names(each) for each in here if each.codec.decodes],
            encodes=[_names(each) for each in here if each.codec.encodes],
            encodes_lossy=[
                (*_names(each), sorted(each.codec.measures)) for each in here if each.codec.measures
            ],
        )


def _by_number(uid: str) -> list[int]:
    return [int(component) for component in uid.split(".")]


def _names(provided: Provided) -> tuple[str, str]:
    return provided.plugin, provided.codec.name


def _text(providers: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{plugin} ({library})" for plugin, library in providers) or "–"
