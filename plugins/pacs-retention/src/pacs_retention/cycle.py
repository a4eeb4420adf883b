"""One cycle: plan by what the index holds now, and delete what is to go."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import structlog

from pacs_framework.archive.deletions import Target
from pacs_framework.archive.incoming import Origin
from pacs_framework.errors import DeletionRefused, NothingToDelete
from pacs_retention.planning import Plan, planned

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.index.inventory import StudyFacts
    from pacs_retention.planning import Step
    from pacs_retention.settings import Settings

__all__ = ["Done", "carry_out", "plan_now", "studies_of"]

_ORIGIN = Origin(door="retention")

_log = structlog.get_logger(__name__)


class Done(NamedTuple):
    """What a cycle did: counts, and bytes of what was deleted.

    ``stayed`` were refused when it was their turn: protected meanwhile, or something came in.
    ``left`` objects are still in the storage.
    """

    studies: int
    instances: int
    size: int
    stayed: int
    left: int


def studies_of(archive: Archive, settings: Settings) -> list[StudyFacts]:
    """What the index holds now. Raises `IndexUnavailable`."""
    with_sources = any(rule.source for rule in settings.rules)
    return archive.deleting.candidates(with_sources=with_sources)


def plan_now(archive: Archive, settings: Settings) -> Plan:
    """What is to go now. Raises `IndexUnavailable`."""
    now = dt.datetime.now(dt.UTC)
    return planned(studies_of(archive, settings), settings, now)


def _no_progress(_done: int, _total: int) -> None:
    """Nobody watches."""


def carry_out(
    archive: Archive,
    settings: Settings,
    plan: Plan,
    stopping: threading.Event,
    progress: Callable[[int, int], None] = _no_progress,
) -> Done:
    """Delete what a plan says, study by study, until ``stopping`` is set.

    Raises `IndexUnavailable`.
    """
    studies = instances = size = stayed = left = 0
    progress(0, len(plan.steps))
    for number, step in enumerate(plan.steps, start=1):
        if stopping.is_set():
            break
        try:
            done = archive.deleting.delete(
                Target(patient=step.study.patient, study=step.study.study_instance_uid),
                by=f"retention rule {step.rule}",
                reason=step.why,
                origin=_ORIGIN,
                delivered_only=settings.wait_for_consumers,
                idle_since=step.study.last,
            )
        except NothingToDelete:  # somebody else was faster
            continue
        except DeletionRefused as error:
            stayed += 1
            _tell_refused(step, error)
        else:
            studies, instances = studies + 1, instances + done.instances
            size, left = size + done.size, left + done.left
        progress(number, len(plan.steps))
    return Done(studies, instances, size, stayed, left)


def _tell_refused(step: Step, error: DeletionRefused) -> None:
    _log.info(
        "a study stays",
        rule=step.rule,
        study=step.study.study_instance_uid,
        why=type(error).__name__,
    )
