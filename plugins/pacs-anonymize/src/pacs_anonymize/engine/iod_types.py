"""The types of attributes in their IODs, for those rows of Table E.1-1 that depend on them.

``data/iod_types.json`` is written by ``tools/confidentiality_table.py``; its head says from what.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

from pacs_anonymize.engine.table import read_data

__all__ = ["Types", "types_below", "types_in_class"]

Types: TypeAlias = Mapping[int, int]
"""Tag → 1, 2 or 3, conditional ones as if the condition held; what is missing has no type there."""


def types_in_class(sop_class: str) -> Types | None:
    """The types at the top level of a SOP class; None for a class that is not known."""
    return _types("classes").get(sop_class)


def types_below(sequence: int) -> Types | None:
    """The most demanding types in the items of a sequence, in whatever IOD; None if not known."""
    return _types("sequences").get(f"{sequence:08X}")


@lru_cache(maxsize=2)
def _types(part: str) -> Mapping[str, Types]:
    """One digit for each tag in the list at the head, 0 for none."""
    document = read_data("iod_types.json")
    tags = [int(tag, 16) for tag in document["tags"]]
    return {
        name: MappingProxyType(
            {tag: int(digit) for tag, digit in zip(tags, digits, strict=True) if digit != "0"}
        )
        for name, digits in document[part].items()
    }
