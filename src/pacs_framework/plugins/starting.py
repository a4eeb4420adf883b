"""Steps of a start: what a plugin does while the archive waits for it, within its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pacs_framework.plugins.budget import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacs_framework.plugins.budget import Helpers, Overrun
    from pacs_framework.plugins.record import Plugin

__all__ = ["Step", "overran"]

_T = TypeVar("_T")


class Step:
    """One step that may take ``limit`` seconds, 0 for no limit."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def take(self, helpers: Helpers, work: Callable[[], _T]) -> _T:
        """What ``work`` returns; raises what it raises, and `Overrun` after the limit."""

        def step(watch: Watch) -> _T:
            watch.begin(self)
            try:
                return work()
            finally:
                watch.end()

        watch = Watch()
        if not self.limit:
            return watch.run(step)
        return helpers.answer(watch, step, patience=self.limit)

    def gave_up(self) -> None:
        """Its time is over: the plugin has failed, which is noted elsewhere."""

    def came_back(self) -> None:
        """It has ended after all; a plugin that has failed stays so until the next start."""


def overran(what: str, plugin: Plugin, error: Overrun) -> str:
    """The reason of a plugin that failed by taking too long."""
    return f"{what} {error} ([plugins.limits.{plugin.name}] register_seconds)"
