"""Event channels of several processes and nodes: it does not matter where one is open."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from pydicom import Dataset
from ups_peers import Worker
from websockets.sync.client import ClientConnection, connect

import pacs_dicomweb.plugin
import pacs_ups.plugin
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.process import served
from pacs_http.testing import open_signal_pipe, serve_http
from pacs_ups.state.making import new_step
from pacs_ups.state.model import GLOBAL

_JSON = {"Content-Type": "application/dicom+json"}
_WAIT = 60.0


@pytest.fixture(scope="session", autouse=True)
def signal_pipe() -> None:
    """What libuv opens once in a process is not left behind by the test that came first."""
    open_signal_pipe()


def _config(workers: int) -> str:
    return (
        f"[network]\nworkers = {workers}\n"
        '[plugins]\nallow = ["http", "dicomweb", "ups", "storage-filesystem"]\n'
    )


def _channel(url: str) -> ClientConnection:
    where = url.replace("http", "ws", 1) + "/dicom-web/subscribers/VIEWER"
    return connect(where, proxy=None, open_timeout=_WAIT)


def _post(url: str, path: str, *datasets: Dataset) -> None:
    content = json.dumps([each.to_json_dict() for each in datasets]) if datasets else None
    with httpx.Client(base_url=url, timeout=_WAIT, trust_env=False) as client:
        answered = client.post(
            f"/dicom-web/workitems{path}", content=content, headers=_JSON if datasets else {}
        )
    assert answered.status_code == 201, answered.text


def _told(line: ClientConnection) -> tuple[int, str]:
    """Event type and UID of the next report."""
    report = Dataset.from_json(line.recv(_WAIT))
    return report.EventTypeID, report.AffectedSOPInstanceUID


def _told_all(lines: Sequence[ClientConnection]) -> list[tuple[int, str]]:
    return [_told(line) for line in lines]


def test_every_worker_tells_what_happens_in_any(tmp_path: Path) -> None:
    """By HTTP or by DIMSE: each of six channels of an AE, wherever they were accepted."""
    with served(tmp_path, config=_config(2)) as archive, ExitStack() as undo:
        url = archive.doors["http"]
        lines = [undo.enter_context(_channel(url)) for _ in range(6)]
        _post(url, f"/{GLOBAL}/subscribers/VIEWER")
        _post(url, "?workitem=1.2.3", new_step("x"))
        assert _told_all(lines) == [(1, "1.2.3")] * 6
        with Worker(archive) as worker:
            assert worker.create("1.2.4", new_step("x", WorklistLabel="AI")).Status == 0
        assert _told_all(lines) == [(1, "1.2.4")] * 6


def test_the_channels_of_an_archive_that_was_killed_hold_nothing_back(tmp_path: Path) -> None:
    """What happens after its next start waits for the next channel."""
    with served(tmp_path, config=_config(1)) as archive:
        _post(archive.doors["http"], f"/{GLOBAL}/subscribers/VIEWER")
        with _channel(archive.doors["http"]):
            archive.kill()
    with served(tmp_path, config=_config(1)) as archive:
        _post(archive.doors["http"], "?workitem=1.2.3", new_step("x"))
        with _channel(archive.doors["http"]) as line:
            assert [_told(line), _told(line)] == [(4, GLOBAL), (1, "1.2.3")]


@pytest.mark.postgresql
def test_a_node_tells_what_happens_on_another(
    pacs_archive: Archives, pacs_postgres: PrivatePostgres
) -> None:
    """At the moment of its commit, by the database that both work on."""
    plugins = {"dicomweb": pacs_dicomweb.plugin, "ups": pacs_ups.plugin}
    settings = {"index": {"url": pacs_postgres.new_database()}}
    one, two = (serve_http(pacs_archive, plugins, settings=settings) for _ in range(2))
    with _channel(one.url) as here, _channel(two.url) as there:
        _post(two.url, f"/{GLOBAL}/subscribers/VIEWER")
        _post(two.url, "?workitem=1.2.3", new_step("x"))
        assert _told_all([here, there]) == [(1, "1.2.3")] * 2
