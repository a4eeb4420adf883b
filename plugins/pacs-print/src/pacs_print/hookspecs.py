"""The hook that this plugin offers: outputs, where printed films go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pacs_framework.hookspecs import HookKind, hookspec

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_print.outputs.contract import PrintOutput

__all__ = ["print_outputs"]


@hookspec(HookKind.REGISTER)
def print_outputs(archive: Archive, settings: Any) -> Sequence[PrintOutput[Any]]:
    """Offer places that printed films can be sent to.

    Kind: REGISTER; called once in each process that prints, and by ``pacs check``.
    archive: the use cases that an output may call.
    Returns: outputs (see `PrintOutput`). Two of one name are an error that names both plugins.
    """
    raise NotImplementedError
