"""The hook that this plugin offers: who asks a destination whether it keeps what it was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pacs_framework.hookspecs import HookKind, hookspec

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_routing.committing.contract import CommitmentRequestor

__all__ = ["commitment_requestors"]


@hookspec(HookKind.REGISTER)
def commitment_requestors(archive: Archive, settings: Any) -> CommitmentRequestor:
    """Ask peers for storage commitment (PS3.4 Annex J), for rules with delete_when_committed.

    Kind: REGISTER; called once in each process that works on jobs, and where such a rule is.
    archive: for its peers, and the tables of the plugin's own.
    Returns: what asks and remembers (see `CommitmentRequestor`). Nobody has to import it: anything
        with its methods will do. One plugin may; without any, and with two, an archive with such a
        rule does not start.
    """
    raise NotImplementedError
