"""PS3.15 Table E.1-1 as data: what the Basic Profile and each option do with an attribute.

``data/confidentiality.json`` is written by ``tools/confidentiality_table.py``; nobody edits it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from pacs_anonymize.engine.options import Option

__all__ = ["PRIVATE", "Row", "Table", "confidentiality_table", "read_data"]

_EVERY_BIT = 0xFFFFFFFF

PRIVATE = "PrivateAttributes"
"""Stands for the keyword in the row of all private attributes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the attribute, and the action codes as they are printed (``X/Z/D``).

    Only the bits of the tag in ``mask`` count. ``options`` has the columns that are filled.
    """

    tag: int
    mask: int
    keyword: str
    basic: str
    options: Mapping[Option, str]


@dataclass(frozen=True, slots=True)
class Table:
    """All rows: those of single attributes by their tag, and those of repeating groups."""

    edition: str
    exact: Mapping[int, Row]
    repeating: tuple[Row, ...]

    def row(self, tag: int) -> Row | None:
        """The row of a standard attribute, None where the table does not know it."""
        row = self.exact.get(tag)
        if row is None:
            row = next((row for row in self.repeating if tag & row.mask == row.tag), None)
        return row


@lru_cache(maxsize=1)
def confidentiality_table() -> Table:
    """The table, read once."""
    document = read_data("confidentiality.json")
    rows = [_row(*row) for row in document["rows"]]
    return Table(
        edition=document["edition"],
        exact=MappingProxyType({row.tag: row for row in rows if row.mask == _EVERY_BIT}),
        repeating=tuple(row for row in rows if row.mask != _EVERY_BIT and row.keyword != PRIVATE),
    )


def _row(tag: str, keyword: str, basic: str, columns: str) -> Row:
    """``60XX3000`` and a letter for each option, a hyphen where the column is empty."""
    mask = int("".join("0" if digit == "X" else "F" for digit in tag), 16)
    options = {option: code for option, code in zip(Option, columns, strict=True) if code != "-"}
    return Row(int(tag.replace("X", "0"), 16), mask, keyword, basic, MappingProxyType(options))


def read_data(name: str) -> dict[str, Any]:
    """A JSON file of this package."""
    text = files(__package__).joinpath("data", name).read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
