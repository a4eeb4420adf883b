"""What a plugin has to be that answers for what is stored: PS3.4 Annex J, without a wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

__all__ = ["COMMITTED", "Commitments", "Reference", "Results"]

Reference = tuple[str, str]
"""SOP Class UID and SOP Instance UID of an instance."""

COMMITTED = 0

Results = Mapping[Reference, int]
"""`COMMITTED` for each instance, or why not: its Failure Reason (PS3.3 C.14.1.1)."""


class Commitments(Protocol):
    """Requests for storage commitment by their Transaction UID, each of one requester.

    What a request sets going is durable when it is taken. What is raised is a `PacsError` whose
    ``http_status`` and message are answered.
    """

    def request(
        self, transaction_uid: str, requester: str, instances: Sequence[Reference]
    ) -> Results | None:
        """What becomes of ``instances``; None while that is not known.

        The same request again is no error. Another one under its Transaction UID is one of status
        409, and more instances than are taken at once one of 413.
        """

    def result(self, transaction_uid: str, requester: str) -> Results | None:
        """What became of an earlier request of the same requester; None while it is not known.

        One that there was not is an error of status 404.
        """
