"""What waits in the queue of the index writer: entries, and the threads that want them written."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pacs_framework.errors import PacsError
from pacs_framework.index.entry import Entry, Stored

if TYPE_CHECKING:
    from pacs_framework.index.recorder import Outcome

__all__ = ["Call", "Ticket", "tickets_of"]


class Ticket:
    """An entry, and what becomes of it."""

    __slots__ = ("entry", "outcome", "synced")

    def __init__(self, entry: Entry, synced: bool) -> None:
        self.entry = entry
        self.synced = synced
        self.outcome: Outcome | PacsError | None = None

    def answer(self) -> Stored:
        """What `IndexWriter.store` returns or raises."""
        assert self.outcome is not None
        if isinstance(self.outcome, PacsError):
            raise self.outcome
        return self.outcome


class Call:
    """What one thread wants written, in one batch. It has its turn when that is done, or when it
    is to lead.

    The first in the queue when nobody leads is the leader at once, and has no ``turn``.
    """

    __slots__ = ("tickets", "turn", "uids")

    def __init__(self, tickets: Sequence[Ticket]) -> None:
        self.tickets = tickets
        self.uids = [ticket.entry.attributes["SOPInstanceUID"] for ticket in tickets]
        self.turn: threading.Lock | None = None

    @property
    def is_answered(self) -> bool:
        """Whether all of it is written, or has failed."""
        return self.tickets[-1].outcome is not None

    def wait_for_turn(self) -> None:
        """Make `turn` a lock that is taken; call it before anyone else knows the call."""
        self.turn = threading.Lock()
        self.turn.acquire()

    def has_turn(self) -> None:
        """Wake the one who waits."""
        if self.turn is not None:
            self.turn.release()


def tickets_of(calls: Iterable[Call]) -> list[Ticket]:
    """All of them, in order."""
    return [ticket for call in calls for ticket in call.tickets]
