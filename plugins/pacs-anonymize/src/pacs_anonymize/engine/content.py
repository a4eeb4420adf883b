"""Content items of structured reports (PS3.3 C.17.3) when they are cleaned (PS3.15 E.3.4).

Table E.3.4-1 says by the concept name and the value type of a content item what happens to it;
``data/content_items.json`` has it as data. What the table does not list is cleaned by its value
type, as the attributes that hold it are: names (PNAME) are replaced, texts reduced to the
vocabulary, dates and UIDs treated as everywhere, codes kept where their scheme is public,
measurements kept. Beside the table, those measurements and codes go that say how old, of which sex,
how tall the patient is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from pydicom import Dataset

from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.profile import Action
from pacs_anonymize.engine.table import read_data

__all__ = ["ContentRow", "Key", "content_action", "content_table", "is_characteristic", "key_of"]

_CHARACTERISTICS = frozenset(
    {
        ("DCM", "121031"),  # Subject Birth Date
        ("DCM", "121032"),  # Subject Sex
        ("DCM", "121033"),  # Subject Age
        ("LN", "8302-2"),  # Body height
        ("LN", "29463-7"),  # Body weight
        ("SCT", "397669002"),  # Age
        ("SCT", "184099003"),  # Date of birth
        ("SCT", "263495000"),  # Gender
        ("SCT", "27113001"),  # Body weight
        ("SCT", "50373000"),  # Body height
        ("SCT", "60621009"),  # Body mass index
    }
)
# Other codes say the same, and each site may have its own; what they are called tells.
_tells = re.compile(
    r"\b(?:age|sex|gender|birth|race|ethnic\w*|pregnan\w*|smok\w*"
    r"|(?:patient|subject|body)'?s?[ ](?:height|weight|size|mass|surface))\b",
    re.IGNORECASE,
).search

Key = tuple[str, str, str]
"""Coding scheme designator, code value, value type."""


@dataclass(frozen=True, slots=True)
class ContentRow:
    """One row of Table E.3.4-1: the action of the Basic Profile, and the letters of options."""

    basic: str
    options: Mapping[Option, str]

    @property
    def identifies(self) -> bool:
        """Whether its value is an identifier: no option keeps or cleans it."""
        return not self.options


@lru_cache(maxsize=1)
def content_table() -> Mapping[Key, ContentRow]:
    """The table, read once; codes of SNOMED in their retired forms too."""
    rows = read_data("content_items.json")["rows"]
    return MappingProxyType(
        {
            (scheme, code, value_type): ContentRow(basic, _options(columns))
            for scheme, code, value_type, basic, columns in rows
        }
    )


def _options(columns: str) -> Mapping[Option, str]:
    letters = zip(Option, columns, strict=True)
    return MappingProxyType({option: letter for option, letter in letters if letter != "-"})


def key_of(item: Dataset) -> Key:
    """What the table knows a content item by; empty texts where it does not say."""
    names = item.get("ConceptNameCodeSequence")
    name = names[0] if names else Dataset()
    code = name.get("CodeValue") or name.get("LongCodeValue") or ""
    scheme = str(name.get("CodingSchemeDesignator") or "").strip()
    return scheme, str(code).strip(), str(item.get("ValueType") or "").strip()


def content_action(row: ContentRow, options: Collection[Option]) -> Action:
    """The letter that counts; X/D replaces, so that what a template demands stays.

    C before K, as for attributes.
    """
    asked = {letter for option, letter in row.options.items() if option in options}
    if asked:
        return Action.C if "C" in asked else Action.K
    return Action.X if row.basic == "X" else Action.D


def is_characteristic(item: Dataset) -> bool:
    """Whether a content item tells a characteristic of the patient (PS3.15 E.3.7)."""
    names = item.get("ConceptNameCodeSequence")
    if not names:
        return False
    scheme, code, _ = key_of(item)
    meaning = str(names[0].get("CodeMeaning", ""))
    return (scheme, code) in _CHARACTERISTICS or _tells(meaning) is not None
