"""Laws of services: many associations at once, and how they end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pacs_framework.testing.bare import BarePeer
from pacs_framework.testing.running import RunningArchive, running_archive
from pacs_framework.testing.suites.negotiating import Asked, askable, one_of_each, propose
from pacs_framework.testing.suites.service_laws.scene import (
    ServiceScene,
    associations_end,
    kept,
    lives_on,
    services_of,
    staged,
)
from pacs_framework.testing.threads import run_in_threads

__all__ = ["Endings"]

_ASSOCIATIONS = 8
_TURNS = 5


class Endings(ServiceScene, suite=True):
    """A lost connection, an abort, many at once, an archive that stops."""

    @pytest.mark.parametrize("sent", ["half", "whole", "first bytes"])
    def test_a_lost_connection_leaves_nothing(
        self, running: RunningArchive, asked: list[Asked], sent: str
    ) -> None:
        """In the middle of a request or before its answer: no thread, no file and no object is
        left, and other associations are served as before.
        """
        for each in one_of_each(asked):
            with self.associate(running, each) as association:
                self.check_answered(association, each)
            associations_end()
            threads, before = set(threading.enumerate()), kept(running)
            request = self._encoded(each)
            end = {"half": len(request) // 2, "whole": len(request), "first bytes": 8}[sent]
            with BarePeer(running.listener.address) as peer:
                peer.associate(*propose([each]), called_aet=running.aet)
                peer.send(request[:end])
            associations_end()
            assert set(threading.enumerate()) - threads == set()
            assert staged(running) == []
            assert sent == "whole" or kept(running) == before, "half an instance was kept"
            with self.associate(running, each) as association:
                self.check_answered(association, each)

    def test_an_abort_before_the_answer_is_survived(
        self, running: RunningArchive, asked: list[Asked]
    ) -> None:
        """A-ABORT (PS3.8 section 7.3) behind each kind of request."""
        for each in one_of_each(asked):
            association = self.associate(running, each)
            context = association.context_for(each.abstract_syntax)
            assert context is not None
            sample = self.sample(each.command, context)
            association.send_request(context, each.command, sample.elements, sample.dataset)
            association.abort()
            associations_end()
            assert staged(running) == []
            with self.associate(running, each) as another:
                self.check_answered(another, each)

    def test_many_associations_are_served_at_once(
        self, running: RunningArchive, asked: list[Asked]
    ) -> None:
        """One service object, many threads: each gets the answers to its own requests."""
        chosen = one_of_each(asked)

        def work() -> None:
            with self.associate(running, *chosen) as association:
                for _ in range(_TURNS):
                    for each in chosen:
                        self.check_answered(association, each)

        run_in_threads(work, _ASSOCIATIONS)

    def test_an_archive_stops_while_associations_are_open(
        self, plugin: object, plugin_settings: Mapping[str, Any], tmp_path: Path
    ) -> None:
        """And nothing of the plugin goes on running: no thread is left."""
        before = set(threading.enumerate())
        name = self.plugin_name
        settings = {"plugin": {name: plugin_settings} if plugin_settings else {}}
        with running_archive(tmp_path / "stopped", {name: plugin}, settings=settings) as running:
            asked = one_of_each(askable(services_of(running)))
            associations = [self.associate(running, *asked) for _ in range(_ASSOCIATIONS)]
        for association in associations:
            association.abort()
        assert [each for each in set(threading.enumerate()) - before if lives_on(each)] == []
