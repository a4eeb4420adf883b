"""One study taken over, and held against what the other archive names of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pacs_framework.moving.old_archive import FoundStudy, Refused, Sent

if TYPE_CHECKING:
    from pacs_framework.moving.old_archive import OldArchive

__all__ = ["Here", "Taken", "Transfer", "missing_here", "take_over"]

Transfer = Callable[[FoundStudy], Sent]
"""Has a study sent; blocks until the peer says that it is."""


class Here(Protocol):
    """What the new archive has."""

    def count_of_study(self, study_instance_uid: str) -> int:
        """How many instances of a study are in the index."""

    def present(self, sop_instance_uids: Iterable[str]) -> set[str]:
        """Which of the instances are in the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a study: instances that are ``here`` now, that came (``moved``), and that the
    peer names and are ``missing``. ``error`` is a sentence; empty where all is here.
    """

    here: int
    moved: int
    missing: list[str] = field(default_factory=list)
    error: str = ""


def take_over(study: FoundStudy, *, peer: OldArchive, here: Here, transfer: Transfer) -> Taken:
    """Have ``study`` sent, and compare. Raises what ``transfer`` and `missing_here` do."""
    before = here.count_of_study(study.uid)
    sent = transfer(study)
    now = here.count_of_study(study.uid)
    # Where nothing was here before, the number tells; else instances are compared one by one.
    told = not before and study.instances is not None and now == study.instances
    missing = [] if told else missing_here(study.uid, peer=peer, here=here)
    now = here.count_of_study(study.uid)
    return Taken(
        here=now,
        moved=max(now - before, sent.completed + sent.warned),
        missing=missing,
        error=_what_went_wrong(sent, missing),
    )


def missing_here(study: str, *, peer: OldArchive, here: Here) -> list[str]:
    """The instances that the peer names of a study, and that are not here.

    Raises `Refused` where it names none, and as `OldArchive.find` does.
    """
    there = peer.instances(study)
    if not there:
        raise Refused(f"the peer names no instance of the study {study!r}")
    return sorted(set(there) - here.present(there))


def _what_went_wrong(sent: Sent, missing: list[str]) -> str:
    """A sentence; empty when all is here, whatever the peer says of its sub-operations."""
    if not missing:
        return ""
    said = f"the peer ended with status {sent.status:04X}, {sent.failed} failed"
    comment = f" ({sent.comment})" if sent.comment else ""
    return f"{len(missing)} instances are not here; {said}{comment}"
