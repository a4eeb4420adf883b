"""What plugins run beside the wire: when it is started and stopped, and in which process."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from pacs_framework import hookimpl
from pacs_framework.app import App, Configured
from pacs_framework.background import Background
from pacs_framework.config import load_settings
from pacs_framework.errors import ConfigurationError
from pacs_framework.plugins import PluginSet
from pacs_framework.testing.factories import Archives


class Noted(Background):
    """Notes what was done with it, and whether somebody listened at that moment."""

    def __init__(self, name: str, events: list[str], fails: str = "") -> None:
        self.name = name
        self._events = events
        self._fails = fails

    def start(self) -> None:
        self._events.append(f"start {self.name}")
        if self._fails:
            raise ConfigurationError(self._fails)

    def stop(self) -> None:
        self._events.append(f"stop {self.name}")


def providing(*work: Background) -> SimpleNamespace:
    """A plugin that has these."""

    def background() -> list[Background]:
        return list(work)

    return SimpleNamespace(background=hookimpl(background))


def test_it_runs_from_the_start_to_the_end(pacs_archive: Archives) -> None:
    """Stopped in the opposite order."""
    events: list[str] = []
    archive = pacs_archive({"a": providing(Noted("a", events)), "b": providing(Noted("b", events))})
    assert events == ["start a", "start b"]
    archive.stop()
    assert events == ["start a", "start b", "stop b", "stop a"]


def test_one_that_cannot_start_stops_the_start_and_what_ran_already(
    pacs_archive: Archives,
) -> None:
    events: list[str] = []
    plugin = providing(Noted("a", events), Noted("b", events, fails="the port is taken"))
    with pytest.raises(ConfigurationError, match="the port is taken"):
        pacs_archive({"a": plugin})
    assert events == ["start a", "start b", "stop b", "stop a"]


@pytest.mark.parametrize(
    ("listen", "feed", "runs"),
    [(True, True, True), (False, True, True), (True, False, False), (False, False, False)],
    ids=["archive", "supervisor", "worker", "command"],
)
def test_one_process_of_an_archive_runs_it(tmp_path, listen: bool, feed: bool, runs: bool) -> None:
    """The one with the change feed: the archive alone, or the supervisor of its workers."""
    events: list[str] = []
    plugins = PluginSet.with_local({"a": providing(Noted("a", events))})
    archive = {"data": tmp_path / "data"}
    settings = load_settings(None, {"archive": archive, "network": {"port": 0}}, environment={})
    bound = socket.create_server(("127.0.0.1", 0)) if listen else None
    configured = Configured(settings=settings, plugins=plugins)
    with App(configured, listen=listen, feed=feed, listen_on=bound):
        assert bool(events) is runs
