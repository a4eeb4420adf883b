"""The hook that this plugin offers: the worklist behind UPS-RS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pacs_framework.hookspecs import HookKind, hookspec

if TYPE_CHECKING:
    from pacs_dicomweb.ups.contract import Workitems
    from pacs_framework.archive.archive import Archive

__all__ = ["workitems"]


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
