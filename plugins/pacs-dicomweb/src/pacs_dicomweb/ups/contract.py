"""What a plugin has to be that keeps workitems: the operations of PS3.4 CC.2, without a wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydicom import Dataset

__all__ = ["Done", "Workitems"]


class Done(Protocol):
    """An operation that was carried out: ``code`` 0, or a warning of PS3.4 CC.2."""

    @property
    def code(self) -> int:
        """The status of DIMSE for it."""


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
