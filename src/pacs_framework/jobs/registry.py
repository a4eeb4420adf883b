"""The kinds of jobs of the active plugins, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pacs_framework.errors import ConfigurationError
from pacs_framework.jobs.missing import MissingJobQueue
from pacs_framework.jobs.outcomes import JobRefused

if TYPE_CHECKING:
    from pacs_framework.jobs.kinds import JobKind
    from pacs_framework.jobs.queue import JobQueue

__all__ = ["JobKinds", "provided_queue"]


class JobKinds:
    """What jobs can be done here. Filled while the archive starts."""

    def __init__(self) -> None:
        self._kinds: dict[str, JobKind] = {}
        self._plugins: dict[str, str] = {}

    def add(self, kinds: Iterable[JobKind], *, plugin: str) -> None:
        """Take in those of a plugin. Raises `ConfigurationError` for a name that is taken."""
        for kind in kinds:
            if kind.name in self._kinds:
                raise ConfigurationError(
                    f"plugins {self._plugins[kind.name]!r} and {plugin!r} both do jobs of kind "
                    f"{kind.name!r}; deactivate one"
                )
            self._kinds[kind.name] = kind
            self._plugins[kind.name] = plugin

    def __getitem__(self, name: str) -> JobKind:
        """The kind of this name. Raises `JobRefused` where no active plugin does it."""
        kind = self._kinds.get(name)
        if kind is None:
            known = ", ".join(sorted(self._kinds)) or "none"
            raise JobRefused(f"no active plugin does jobs of kind {name!r} (known: {known})")
        return kind

    def __iter__(self) -> Iterator[JobKind]:
        return iter(tuple(self._kinds.values()))

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def plugin_of(self, name: str) -> str:
        """The plugin that does jobs of this kind."""
        return self._plugins[name]


def provided_queue(provided: Sequence[tuple[str, JobQueue]]) -> JobQueue:
    """The queue that a plugin provides (name, queue), or one that says what is missing.

    Raises `ConfigurationError` where there are two.
    """
    if len(provided) > 1:
        raise ConfigurationError(
            f"plugins {provided[0][0]!r} and {provided[1][0]!r} both keep a queue of jobs; "
            "deactivate one"
        )
    return provided[0][1] if provided else MissingJobQueue()
