"""The hooks that this plugin offers: a step begins or ends, and a study is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pacs_framework.hookspecs import HookKind, hookspec

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_mpps.model import CompletedStudy, ProcedureStep

__all__ = ["on_procedure_step", "on_study_complete"]


@hookspec(HookKind.NOTIFY)
def on_procedure_step(step: ProcedureStep, archive: Archive, settings: Any) -> None:
    """Learn that a performed procedure step has begun or ended.

    Kind: NOTIFY; at least once for IN PROGRESS and once for COMPLETED or DISCONTINUED, in this
    order. What is to be told is kept with the step itself, and told again until it is taken.
    step: the step as it was then (see `ProcedureStep`).
    archive: for the tables of the plugin's own, and to look up what is stored.
    """
    raise NotImplementedError


@hookspec(HookKind.NOTIFY)
def on_study_complete(study: CompletedStudy, archive: Archive, settings: Any) -> None:
    """Learn that a study is complete: no step of it is in progress, at least one is COMPLETED, and
    every instance that its COMPLETED steps list is stored.

    Kind: NOTIFY; at least once for each completion. Study Instance UID and ``number`` name it.
    study: the study and its steps (see `CompletedStudy`). A step that begins later and is COMPLETED
    completes the study again, under the next number.
    archive: as above.
    """
    raise NotImplementedError
