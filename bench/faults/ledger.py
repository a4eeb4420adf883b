"""What was sent, what was acknowledged, and what may therefore be found: the truth of the judge."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

__all__ = ["Kept", "Ledger", "Presence"]


class Presence(Enum):
    """Whether an instance has to be there."""

    MUST = "acknowledged"
    MAY = "sent, and nobody was told"
    ALL_OR_NONE = "a deletion of its study was begun"
    MUST_NOT = "deleted, and that was acknowledged"


@dataclass(slots=True)
class Kept:
    """One SOP Instance UID: digests of its data sets in the order they were sent."""

    study: str
    digests: list[str] = field(default_factory=list)
    acknowledged: int = -1
    """The newest version with SUCCESS, -1 for none."""
    presence: Presence = Presence.MAY

    def newest(self) -> list[str]:
        """What may be found: the version acknowledged last, or one that was sent after it."""
        return self.digests[max(self.acknowledged, 0) :]


class Ledger:
    """Safe to use from many threads. One sender at a time writes of one UID."""

    def __init__(self) -> None:
        self._instances: dict[str, Kept] = {}
        self._studies: dict[str, set[str]] = {}
        self._lock = threading.Lock()
        self._count = 0

    @property
    def acknowledged(self) -> int:
        """Answers of SUCCESS so far, those to new versions too."""
        with self._lock:
            return self._count

    def sending(self, uid: str, study: str, digest: str) -> None:
        """A version is about to be sent."""
        with self._lock:
            self._instances.setdefault(uid, Kept(study)).digests.append(digest)
            self._studies.setdefault(study, set()).add(uid)

    def success(self, uid: str) -> None:
        """The version that was sent last was answered with SUCCESS."""
        with self._lock:
            kept = self._instances[uid]
            kept.acknowledged = len(kept.digests) - 1
            kept.presence = Presence.MUST
            self._count += 1

    def deleting(self, study: str) -> None:
        """A study is about to be deleted: what must be there may go, but only all at once."""
        self._set(study, Presence.ALL_OR_NONE, only=Presence.MUST)

    def deleted(self, study: str) -> None:
        """The deletion was acknowledged."""
        self._set(study, Presence.MUST_NOT)

    def studies(self) -> list[str]:
        """All that anything was sent of, in the order of their first instances."""
        with self._lock:
            return list(self._studies)

    def of_study(self, study: str) -> dict[str, Kept]:
        """Its instances by UID."""
        with self._lock:
            return {uid: self._instances[uid] for uid in self._studies.get(study, ())}

    def get(self, uid: str) -> Kept | None:
        """What is known of an instance."""
        with self._lock:
            return self._instances.get(uid)

    def must(self) -> set[str]:
        """Every instance that has to be there."""
        with self._lock:
            found: Iterable[tuple[str, Kept]] = self._instances.items()
            return {uid for uid, kept in found if kept.presence is Presence.MUST}

    def _set(self, study: str, presence: Presence, only: Presence | None = None) -> None:
        with self._lock:
            for uid in self._studies.get(study, ()):
                kept = self._instances[uid]
                if only in (None, kept.presence):
                    kept.presence = presence
