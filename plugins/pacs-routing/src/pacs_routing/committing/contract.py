"""What a plugin has to be that asks for storage commitment: PS3.4 Annex J as its SCU."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from pacs_framework.errors import ConfigurationError

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["COMMITTED", "CommitmentOutcome", "CommitmentRequestor", "requestor_of"]

COMMITTED = 0
"""In place of a Failure Reason: the peer is responsible for the instance."""


class CommitmentOutcome(Protocol):
    """What is known of a request that was noted at ``asked`` (UTC).

    ``results`` has for each SOP Instance UID `COMMITTED`, a Failure Reason, or None where nothing
    was said of it. ``error`` is why the peer did not take the request.
    """

    @property
    def asked(self) -> dt.datetime:
        """When the request was noted."""

    @property
    def is_over(self) -> bool:
        """Whether the peer has reported, or has not taken the request."""

    @property
    def results(self) -> Mapping[str, int | None]:
        """What the peer said of each instance."""

    @property
    def error(self) -> str:
        """Why it was not taken; empty otherwise."""


class CommitmentRequestor(Protocol):
    """Asks peers, and keeps what they answer, durably. Threads may share it."""

    def request(
        self,
        peer_aet: str,
        transaction_uid: str,
        references: Sequence[tuple[str, str]],
        *,
        wait: float,
    ) -> None:
        """Ask for SOP class and SOP instance UIDs, under a Transaction UID that was never used.

        The report may come within ``wait`` seconds on the same association, or later; then the hook
        ``commitment_reported`` is called. Raises OSError and `PacsError` where it was not asked.
        """

    def outcome(self, transaction_uid: str) -> CommitmentOutcome | None:
        """What became of a request; None where nothing was asked under this Transaction UID."""


def requestor_of(archive: Archive) -> CommitmentRequestor:
    """Who asks for ``archive``. Raises `ConfigurationError` for nobody, and for two."""
    found = archive.hooks.register("commitment_requestors", archive=archive)
    if len(found) != 1:
        names = ", ".join(repr(name) for name, _ in found) or "no active plugin"
        raise ConfigurationError(
            f"delete_when_committed needs one plugin that asks for storage commitment, such as "
            f"pacs-storage-commitment; here it is {names}"
        )
    requestor: CommitmentRequestor = found[0][1]
    return requestor
