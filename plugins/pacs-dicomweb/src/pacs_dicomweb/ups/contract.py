"""What a plugin has to be that keeps workitems: the operations of PS3.4 CC.2, without a wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pydicom import Dataset

__all__ = ["Done", "EventSource", "Report", "Workitems"]


class Done(Protocol):
    """An operation that was carried out: ``code`` 0, or a warning of PS3.4 CC.2."""

    @property
    def code(self) -> int:
        """The status of DIMSE for it."""


class Report(Protocol):
    """What a subscriber is told (PS3.4 CC.2.4)."""

    @property
    def uid(self) -> str:
        """The SOP Instance UID of the step, or the well-known one for the provider itself."""

    @property
    def type(self) -> int:
        """Event Type ID."""

    @property
    def information(self) -> Dataset:
        """The attributes of the report."""


class EventSource(Protocol):
    """The reports to one AE, as long as it has a channel open."""

    def waiting(self) -> Sequence[Report]:
        """What is to be told next, in order; what was given before has been told."""

    def close(self) -> None:
        """The channel is over. What was not told stays for the AE's next one."""


class Workitems(Protocol):
    """Unified procedure steps by their SOP Instance UID.

    Each operation is whole and durable when it returns, or raises a `PacsError` whose
    ``http_status`` and message are answered; its ``status`` is a status of PS3.4 CC.2.
    """

    def create(self, uid: str, dataset: Dataset) -> Done:
        """Schedule a step."""

    def retrieve(self, uid: str) -> Dataset:
        """All of a step but the Transaction UID, which is the key of its lock."""

    def update(self, uid: str, modifications: Dataset) -> Done:
        """Set attributes; ``modifications`` holds the Transaction UID where one is needed."""

    def change_state(self, uid: str, state: str, transaction_uid: str) -> Done:
        """Claim, complete or cancel a step as its performer."""

    def request_cancel(self, uid: str, requester: str, reasons: Dataset) -> Done:
        """Ask for the cancellation of a step that somebody else may perform."""

    def search(self, keys: Dataset) -> Sequence[Dataset]:
        """The steps that match, each with the attributes that ``keys`` names."""

    def subscribe(self, uid: str, aet: str, *, lock: bool, keys: Dataset | None) -> Done:
        """Tell ``aet`` of a step, of all steps, or of those that match ``keys``."""

    def unsubscribe(self, uid: str, aet: str) -> Done:
        """Tell it no more."""

    def suspend(self, uid: str, aet: str) -> Done:
        """Subscribe it to no new steps."""

    def open_channel(self, aet: str, ring: Callable[[], None]) -> EventSource:
        """Tell ``aet`` by a channel from now on; ``ring`` is called when something may wait."""
