"""What an identifier asks for, and whether it may ask so.

PS3.4 C.4.1 (C-FIND), C.4.2.2 (retrieval) and C.6 (the information models).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pacs_framework.dicom.attributes import INDEXED, Level
from pacs_framework.dicom.matching import has_wildcard, values_of
from pacs_framework.errors import QueryError
from pacs_framework.index.queries import LEVELS

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["UNIQUE_KEYS", "Root", "check_unique_keys", "level_of"]


class Root(StrEnum):
    """An information model by the entity that it starts from (PS3.4 C.6.1 to C.6.3)."""

    PATIENT = "Patient Root"
    STUDY = "Study Root"
    PATIENT_STUDY_ONLY = "Patient/Study Only"

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels of the model, top first."""
        if self is Root.STUDY:
            return LEVELS[1:]
        return LEVELS[:2] if self is Root.PATIENT_STUDY_ONLY else LEVELS


UNIQUE_KEYS: dict[Level, str] = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}


def level_of(identifier: Dataset, root: Root) -> Level:
    """The Query/Retrieve Level (0008,0052), which must exist in the model. Raises `QueryError`."""
    value = str(identifier.get("QueryRetrieveLevel", "") or "").strip()
    if not value:
        raise QueryError("the identifier has no Query/Retrieve Level (0008,0052)")
    if value not in root.levels:
        known = ", ".join(root.levels)
        raise QueryError(f"no Query/Retrieve Level {value[:16]!r} in {root}; it has {known}")
    return Level(value)


def check_unique_keys(
    identifier: Dataset, level: Level, root: Root, *, relational: bool, at_level: bool = False
) -> None:
    """Hold the identifier to the hierarchy (PS3.4 C.4.1.3.1, C.4.2.2.1). Raises `QueryError`.

    Hierarchical: one value in the unique key of each level above, none in those below; relational
    lifts both. ``at_level`` also asks for a value at the level itself, as retrieval does.
    """
    if level not in root.levels:
        raise QueryError(f"no Query/Retrieve Level {level.value!r} in {root}")
    if not relational:
        depth = root.levels.index(level)
        for above in root.levels[:depth]:
            _check_single(identifier, above, level)
        for below in root.levels[depth + 1 :]:
            if _values(identifier, below):
                raise QueryError(
                    f"{UNIQUE_KEYS[below]} has a value in a hierarchical {level.value} query; "
                    f"negotiate relational queries or leave it out"
                )
    if at_level and not _values(identifier, level):
        raise QueryError(f"{UNIQUE_KEYS[level]} has no value in a {level.value} retrieval")


def _check_single(identifier: Dataset, above: Level, level: Level) -> None:
    values = _values(identifier, above)
    if len(values) != 1 or has_wildcard(values[0]):
        raise QueryError(
            f"a hierarchical {level.value} query needs one value in {UNIQUE_KEYS[above]}; "
            f"negotiate relational queries to leave it out"
        )


def _values(identifier: Dataset, level: Level) -> list[str]:
    return values_of(identifier.get(INDEXED[UNIQUE_KEYS[level]].tag))
