"""Archives of several processes: killed in the middle, and two on one database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ups_peers import Listener, Worker

from pacs_framework.testing.factories import Archives
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.process import served
from pacs_ups import plugin
from pacs_ups.state.making import new_step
from pacs_ups.state.model import GLOBAL
from pacs_ups.tables import NAME


def _config(watcher: Listener, workers: int) -> str:
    return (
        f"[network]\nworkers = {workers}\n"
        f'[peers.watcher]\naet = "WATCHER"\nhost = "127.0.0.1"\nport = {watcher.port}\n'
        f"[plugin.{NAME}]\nretry_first = 0.2\nretry_longest = 0.4\n"
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_reports_come_though_the_archive_was_killed(
    tmp_path: Path, watcher: Listener, workers: int
) -> None:
    """kill -9 after the answer: the next start has the step, its lock, and each report once."""
    config = _config(watcher, workers)
    watcher.statuses = [0x0110] * 1000  # nothing is delivered before the end
    with served(tmp_path, config=config) as archive:
        with Worker(archive) as worker:
            assert worker.subscribe(GLOBAL, "WATCHER") == 0
            assert worker.create("1.2.3", new_step("x", WorklistLabel="AI")).Status == 0
            assert worker.state("1.2.3", "IN PROGRESS", "2.25.1") == 0
        archive.cut_power()
    watcher.statuses = []
    with served(tmp_path, config=config) as archive:
        told = [watcher.report() for _ in range(3)]
        assert [(each.type, each.state) for each in told] == [
            (1, "SCHEDULED"),
            (1, "IN PROGRESS"),
            (4, ""),
        ]
        assert watcher.quiet(0.3)
        with Worker(archive) as worker:
            assert worker.state("1.2.3", "IN PROGRESS", "2.25.2") == 0xC301
            assert worker.state("1.2.3", "CANCELED", "2.25.1") == 0
        assert watcher.report().state == "CANCELED"


@pytest.mark.postgresql
def test_two_nodes_have_one_winner_and_report_once(
    pacs_archive: Archives, pacs_postgres: PrivatePostgres, watcher: Listener
) -> None:
    """Claimed at both at once, while the subscriber fails at first: each step changes once."""
    settings = {
        "index": {"url": pacs_postgres.new_database()},
        "peers": {"watcher": watcher.settings},
        "plugin": {NAME: {"retry_first": 0.05, "retry_longest": 0.05}},
    }
    nodes = [pacs_archive({NAME: plugin}, settings=settings) for _ in range(2)]
    watcher.statuses = [0x0110] * 3
    uids = [f"1.2.{number + 1}" for number in range(5)]
    with Worker(nodes[0]) as worker:
        worker.subscribe(GLOBAL, "WATCHER")
        for uid in uids:
            worker.create(uid, new_step("x", WorklistLabel="AI"))

    def claim(node: int) -> list[int]:
        with Worker(nodes[node]) as worker:
            return [worker.state(uid, "IN PROGRESS", f"2.25.{node + 1}") for uid in uids]

    with ThreadPoolExecutor(2) as pool:
        found = list(zip(*pool.map(claim, range(2)), strict=True))
    assert {tuple(sorted(each)) for each in found} == {(0, 0xC301)}
    told = [watcher.report() for _ in range(10)]
    assert sorted((each.uid, each.state) for each in told) == sorted(
        (uid, state) for uid in uids for state in ("SCHEDULED", "IN PROGRESS")
    )
    for uid in uids:
        assert [each.state for each in told if each.uid == uid] == ["SCHEDULED", "IN PROGRESS"]
    assert watcher.quiet()
