"""Content trees of structured reports (PS3.3 C.17.3) when they are cleaned (PS3.15 E.3.4).

What a content item holds is cleaned by its value type, as the attributes that hold it are: names
(PNAME) are replaced, texts reduced to the vocabulary, dates and UIDs treated as everywhere, codes
kept where their scheme is public, measurements kept. What is left are those measurements and codes
that say how old, of which sex, how tall the patient is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydicom import Dataset

__all__ = ["without_characteristics"]

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


def without_characteristics(items: Iterable[Dataset]) -> list[Dataset]:
    """The content items that do not tell a characteristic of the patient (PS3.15 E.3.7)."""
    return [item for item in items if not _is_characteristic(item)]


def _is_characteristic(item: Dataset) -> bool:
    names = item.get("ConceptNameCodeSequence")
    if not names:
        return False
    name = names[0]
    concept = str(name.get("CodingSchemeDesignator", "")), str(name.get("CodeValue", ""))
    return concept in _CHARACTERISTICS or _tells(str(name.get("CodeMeaning", ""))) is not None
