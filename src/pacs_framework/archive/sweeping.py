"""Orphans are swept: objects that no row of the index names, as a power cut may leave them.

The journal names the objects that a killed process left, and the next start looks at those
(`pacs_framework.archive.recovery`). It is not synced, so a power cut may take its last lines; then
an object of an instance that was never acknowledged stays, which only a look at all of them finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import structlog

from pacs_framework.archive.incoming import Origin
from pacs_framework.errors import InstanceError, ObjectNotFound

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["Sweep", "Swept", "sweep", "why_to_leave"]

_log = structlog.get_logger(__name__)
_ORIGIN = Origin(door="recovery")


class Sweep(StrEnum):
    """What became of an orphan."""

    TAKEN_IN = "taken in"
    REMOVED = "removed"
    GONE = "gone"  # somebody else removed it meanwhile
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """One orphan, what became of it, and why it was left; ``detail`` holds no patient data."""

    storage_key: str
    outcome: Sweep
    detail: str = ""


def sweep(archive: Archive, key: str) -> Swept:
    """Take an orphan in, or remove it where the index has its instance and the object of that.

    What is no whole instance is left, and so is an orphan whose instance the index knows but
    cannot give out: it may be the only copy. The caller has made sure that nobody is about to name
    or to delete ``key`` (`pacs_framework.archive.verify`). Raises `IndexUnavailable` and
    `StorageError`.
    """
    try:
        entry = archive.objects.entry(key, _ORIGIN)
        if archive.writer.store(entry).keeps_object:
            return _told(key, Sweep.TAKEN_IN)
        detail = why_to_leave(archive, entry.attributes["SOPInstanceUID"])
    except ObjectNotFound:
        return Swept(storage_key=key, outcome=Sweep.GONE)
    except InstanceError as error:
        detail = f"no whole instance: {type(error).__name__}"
    if detail:
        return Swept(storage_key=key, outcome=Sweep.LEFT, detail=detail)
    archive.storage.delete(key)
    return _told(key, Sweep.REMOVED)


def _told(key: str, outcome: Sweep) -> Swept:
    _log.info("an orphan was swept", key=key, outcome=str(outcome))
    return Swept(storage_key=key, outcome=outcome)


def why_to_leave(archive: Archive, sop_instance_uid: str) -> str:
    """Why an object whose instance the index has may not go; empty where the object that the index
    names is there. Raises `IndexUnavailable` and `StorageError`.
    """
    facts = archive.lookup.instance(sop_instance_uid)
    if facts is None:
        return "its instance is stored or deleted just now; look again"
    try:
        archive.storage.stat(facts.storage_key)
    except ObjectNotFound:
        return "the index names another object of its instance, which is missing"
    return ""
