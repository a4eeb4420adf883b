"""The thread that deletes what the rules say, when something has come in or a moment has come."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING

import structlog

from pacs_framework.background import Background, keep_on
from pacs_framework.waking import Waker
from pacs_retention.cycle import carry_out, plan_now
from pacs_retention.tables import NAME
from pacs_retention.turns import claim_turn

if TYPE_CHECKING:
    from pathlib import Path

    from pacs_framework.archive.archive import Archive
    from pacs_retention.planning import Plan
    from pacs_retention.settings import Settings

__all__ = ["Keeper", "bell_of"]

_log = structlog.get_logger(__name__)


def bell_of(data: Path) -> Path:
    """Rung where something has come in; ``data`` is the folder of the archive's data."""
    return data / "retention.bell"


class Keeper(Background):
    """Carries out the rules of one archive; of several nodes the one whose turn it is."""

    name = "retention"

    def __init__(self, archive: Archive, settings: Settings) -> None:
        self._archive = archive
        self._settings = settings
        self._turns = archive.tables(NAME)
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin with a look at everything."""
        self._bell = Waker(bell_of(self._archive.data))
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the study that is being deleted."""
        self._stopping.set()
        self._bell.ring()
        self._thread.join()
        self._bell.close()

    def _run(self) -> None:
        keep_on(self._stopping, self.name, lambda: self._wait(self._turn()))

    def _turn(self) -> float | None:
        """A cycle, if it is our turn; seconds until there may be more to do, None for news."""
        wait = claim_turn(self._turns, self._settings.pause)
        if wait:
            self._stopping.wait(wait)
            return 0.0
        self._archive.deleting.finish()
        plan = plan_now(self._archive, self._settings)
        if plan.steps:
            _log.info("studies are deleted by rules", studies=len(plan.steps))
        if plan.held:
            _log.info("studies stay that rules would take", studies=len(plan.held))
        carry_out(self._archive, self._settings, plan, self._stopping)
        return self._until_next(plan)

    def _until_next(self, plan: Plan) -> float | None:
        """What comes in later is not older than any rule allows before its shortest age is over."""
        if plan.more:
            return 0.0
        ages = [rule.age.total_seconds() for rule in self._settings.rules if rule.age is not None]
        moments = [min(ages)] if ages else []
        if plan.due is not None:
            moments.append((plan.due - dt.datetime.now(dt.UTC)).total_seconds())
        return max(0.0, min(moments)) if moments else None

    def _wait(self, seconds: float | None) -> None:
        if not self._stopping.is_set():
            self._bell.wait(seconds)
