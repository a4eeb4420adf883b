"""The hook that this plugin offers: what peers say of instances that they were asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pacs_framework.hookspecs import HookKind, hookspec

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["commitment_reported"]


@hookspec(HookKind.NOTIFY)
def commitment_reported(transaction_uid: str, archive: Archive, settings: Any) -> None:
    """Hear that a peer has reported, on an association of its own, on what we asked (PS3.4 J.3.3).

    Kind: NOTIFY; called once the report is kept, in the process that took it, and not again after a
    crash: who waits for a report looks for it now and then, too.
    transaction_uid: of the request; what the peer said is in `Requestor.outcome`.
    archive: for the queue of jobs, where the work goes on.
    """
    raise NotImplementedError
