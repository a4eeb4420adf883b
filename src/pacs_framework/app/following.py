"""Who follows the change feed: every NOTIFY hook of every plugin.

Each has a consumer with a cursor of its own, named after the plugin; one that is told of patients
is another consumer than the one that is told of instances.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial

from pacs_framework.app.configured import Configured
from pacs_framework.archive.archive import Archive
from pacs_framework.archive.changes import ABOUT_PATIENTS, ARRIVALS, Change
from pacs_framework.archive.feed import ChangeFeed, Consume
from pacs_framework.index.database import Database
from pacs_framework.plugins.hosted import Order, PluginProcess

__all__ = ["Following"]

_HOST = (sys.executable, "-m", "pacs_framework.plugin_host")


class Following:
    """The change feed of an archive with the plugins as its consumers."""

    def __init__(self, configured: Configured, database: Database, archive: Archive) -> None:
        self._configured = configured
        self._plugins = configured.plugins
        self._archive = archive
        self._processes: dict[str, PluginProcess] = {}
        self._feed = self._made(database)

    def start(self) -> None:
        """Begin, each consumer where it stopped."""
        self._feed.start()

    def stop(self) -> None:
        """Stop the feed, then the processes of plugins' own."""
        self._feed.stop()
        for process in self._processes.values():
            process.close()

    def processes(self) -> dict[str, int | None]:
        """Consumers that have a process of their own, with its number while it runs."""
        return {name: process.pid for name, process in self._processes.items()}

    def _made(self, database: Database) -> ChangeFeed:
        plugins = self._plugins
        stored = plugins.notify_consumers("on_stored", self._process_of("on_stored"))
        patients = {
            _of_patients(plugin): consume
            for plugin, consume in plugins.notify_consumers(
                "on_patient_changed", self._process_of("on_patient_changed")
            ).items()
        }
        idle = map(_of_patients, plugins.idle_consumers("on_patient_changed"))
        archive = self._archive
        return ChangeFeed(
            database,
            {
                **{name: _bound_to(archive, consume) for name, consume in stored.items()},
                **{name: partial(consume, archive=archive) for name, consume in patients.items()},
            },
            self._configured.data,
            idle=plugins.idle_consumers("on_stored").union(idle),
            holds={name: consume.hold for name, consume in {**stored, **patients}.items()},
            only=dict.fromkeys(patients, ABOUT_PATIENTS),
            several=[name for name, consume in stored.items() if consume.takes_several],
        )

    def _process_of(self, hook: str) -> Callable[[str], PluginProcess]:
        """Where a plugin that wants a process of its own is notified; started when it is needed."""

        def of(plugin: str) -> PluginProcess:
            order = Order(
                settings=self._configured.settings,
                active=tuple(each.name for each in self._plugins.active),
                plugin=plugin,
                hook=hook,
            )
            process = PluginProcess(_HOST, order)
            self._processes[plugin if hook == "on_stored" else _of_patients(plugin)] = process
            return process

        return of


def _of_patients(plugin: str) -> str:
    """The consumer of a plugin that is told of patients; that of instances has the bare name."""
    return f"{plugin} patients"


def _bound_to(archive: Archive, consume: Callable[[Sequence[Change], Archive], None]) -> Consume:
    """For consumers of instances that came in: all else that happened passes them by."""

    def consume_instances(changes: Sequence[Change]) -> None:
        arrived = [change for change in changes if change.kind in ARRIVALS]
        if arrived:
            consume(arrived, archive)

    return consume_instances
