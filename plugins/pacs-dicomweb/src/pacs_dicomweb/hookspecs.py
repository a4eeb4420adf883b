"""The hooks that this plugin offers: what is behind UPS-RS, and behind storage commitment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pacs_framework.hookspecs import HookKind, hookspec

if TYPE_CHECKING:
    from pacs_dicomweb.commitment.contract import Commitments
    from pacs_dicomweb.ups.contract import Workitems
    from pacs_framework.archive.archive import Archive

__all__ = ["commitments", "workitems"]


@hookspec(HookKind.REGISTER)
def workitems(archive: Archive, settings: Any) -> Workitems:
    """Keep the unified procedure steps that are worked on by HTTP (UPS-RS, PS3.18 chapter 11).

    Kind: REGISTER; called once in each process that serves HTTP.
    archive: for the tables of the plugin's own.
    Returns: what carries the operations out (see `Workitems`). Nobody has to import it: anything
    with its methods will do. One plugin may; without any, UPS-RS is not served, and with two
    HTTP does not start.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def commitments(archive: Archive, settings: Any) -> Commitments:
    """Answer for what is stored, by HTTP (storage commitment, PS3.18 chapter 13).

    Kind: REGISTER; called once in each process that serves HTTP.
    archive: for the index, the storage, and the tables of the plugin's own.
    Returns: what checks and remembers (see `Commitments`). Nobody has to import it: anything with
        its methods will do. One plugin may; without any, the resources are not served, and with
        two HTTP does not start.
    """
    raise NotImplementedError
