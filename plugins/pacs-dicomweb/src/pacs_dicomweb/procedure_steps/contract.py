"""What plugins have to be that keep the steps of modalities (PS3.4 Annexes K and F)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydicom import Dataset

__all__ = ["PerformedSteps", "ScheduledSteps"]


class ScheduledSteps(Protocol):
    """What modalities are to do: the Modality Worklist (PS3.4 Annex K)."""

    def search(self, keys: Dataset, *, whole: bool) -> Sequence[Dataset]:
        """The steps that match, each with one item in Scheduled Procedure Step Sequence.

        An answer has the attributes that ``keys`` names, all that is known of a step for ``whole``,
        and the Patient ID and Study Instance UID of each. What is raised is a `PacsError` whose
        ``http_status`` is answered: 413 for more matches than are given out at once.
        """


class PerformedSteps(Protocol):
    """What modalities have done, by SOP Instance UID (PS3.4 Annex F).

    Each change is whole and durable when it returns, or raises a `PacsError` whose ``http_status``
    is answered and whose ``status`` is one of PS3.4 F.7.2. What is returned are the tags of
    attributes that were not kept, because no dictionary has them.
    """

    def create(self, uid: str, dataset: Dataset, requester: str) -> Sequence[int]:
        """Note a step that begins (N-CREATE). There is one already: an error of status 409."""

    def update(self, uid: str, modifications: Dataset, requester: str) -> Sequence[int]:
        """Change a step, and end it if that is what its status says (N-SET).

        There is none: 404. It has ended, or the change fits it not: 409.
        """

    def retrieve(self, uid: str) -> Dataset:
        """All of a step (N-GET). There is none: 404."""
