"""The hook that this plugin offers: who performs steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pacs_framework.hookspecs import HookKind, hookspec

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_ups.api import StepPerformer

__all__ = ["step_performers"]


@hookspec(HookKind.REGISTER)
def step_performers(archive: Archive, settings: Any) -> Sequence[StepPerformer]:
    """Perform unified procedure steps that are scheduled.

    Kind: REGISTER; called when the archive starts, and with its first job of this kind.
    archive: for what the work needs; steps are not looked up there.
    Returns: performers (see `pacs_ups.api.StepPerformer`), none where there is nothing that they
    would want. Each step is offered to them in order, and is of the first that wants it: this
    plugin claims it, tells its progress, and completes or cancels it. Needs a queue of jobs. Two
    performers of one name are an error that names both plugins.
    """
    raise NotImplementedError
