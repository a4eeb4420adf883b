"""What comes in goes on by STOW-RS: by rules, in order of nothing, and never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import ValidationError

import pacs_dicomweb.plugin
from pacs_dicomweb.forward.outbox import ForwardOutbox
from pacs_dicomweb.forward.selecting import bell_of
from pacs_dicomweb.settings import DicomwebSettings
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.waking import ring
from pacs_http.testing import WebArchive, serve_http

_PLUGINS = {"dicomweb": pacs_dicomweb.plugin}
_PATIENCE = 30.0


def _settings(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"plugin": {"dicomweb": {"forward": list(rules)}}}


def _node(pacs_archive, *rules: dict[str, Any], **more: Any) -> WebArchive:
    return serve_http(pacs_archive, _PLUGINS, settings=_settings(*rules), **more)


def _present(web: WebArchive, *made) -> set[str]:
    return web.running.archive.lookup.present(str(each.SOPInstanceUID) for each in made)


def _outbox(web: WebArchive) -> ForwardOutbox:
    return ForwardOutbox(web.running.archive.tables("dicomweb"))


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait for what another thread does; nothing tells the test, so it looks again."""

    def wait(true: Callable[[], bool]) -> None:
        for _ in range(int(_PATIENCE / 0.02)):
            if true():
                return
            threading.Event().wait(0.02)
        raise AssertionError("it did not happen in time")

    return wait


def test_what_fits_a_rule_arrives_at_the_other_node(pacs_archive, until) -> None:
    """By modality; what fits no rule stays, and nothing is left to be sent."""
    target = serve_http(pacs_archive, _PLUGINS)
    rule = {"name": "b", "url": target.url + "/dicom-web", "modality": ["CT"]}
    source = _node(pacs_archive, rule)
    sent, kept = make_instance(Modality="CT"), make_instance(Modality="MR")
    source.running.take_in(kept, sent)
    until(lambda: bool(_present(target, sent)) and not _outbox(source).waiting())
    assert _present(target, kept) == set()
    with (
        source.running.archive.open_file(str(sent.SOPInstanceUID)) as ours,
        target.running.archive.open_file(str(sent.SOPInstanceUID)) as theirs,
    ):
        assert ours.read() == theirs.read()


class _Down(BaseHTTPRequestHandler):
    """A server that takes everything in and says 503."""

    def do_POST(self) -> None:
        self.server.asked.set()
        self.close_connection = True
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def down():
    """The address of such a server, and an event: it was asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Down)
    server.daemon_threads = True
    server.asked = threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", server.asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_is_away_is_tried_again_and_delays_no_other(
    pacs_archive, until, down
) -> None:
    """What it missed waits with its error, also over a restart, and goes when it is back."""
    url, asked = down
    target = serve_http(pacs_archive, _PLUGINS)
    away = {"name": "away", "url": url, "retry_first": 3600, "retry_longest": 3600}
    there = {"name": "there", "url": target.url + "/dicom-web"}
    objects = MemoryStorage()
    source = _node(pacs_archive, away, there, storage=objects)
    instance = make_instance()
    source.running.take_in(instance)
    assert asked.wait(_PATIENCE)
    until(lambda: bool(_present(target, instance)))
    until(lambda: [each.attempts for each in _outbox(source).waiting()] == [1])
    (waiting,) = _outbox(source).waiting()
    assert waiting.target == "away"
    assert "503" in waiting.error
    data = source.running.data
    source.running.stop()

    other = serve_http(pacs_archive, _PLUGINS)
    back = {**away, "url": other.url + "/dicom-web"}
    again = _node(pacs_archive, back, folder=data, storage=objects)
    assert _outbox(again).retry(["away"]) == 1
    ring(bell_of(data, 0))
    until(lambda: bool(_present(other, instance)) and not _outbox(again).waiting())


def test_what_is_gone_before_it_was_sent_is_no_error(pacs_archive, until, down) -> None:
    """The row goes with it."""
    url, _ = down
    rule = {"name": "b", "url": url, "retry_first": 0.05, "retry_longest": 0.05}
    source = _node(pacs_archive, rule)
    outbox = _outbox(source)
    outbox.add(["b"], "1.2.3", "1.2.3.4", "1.2.3.4.5")
    ring(bell_of(source.running.data, 0))
    until(lambda: not outbox.waiting())


def test_one_that_cannot_be_read_holds_up_no_other(pacs_archive, until, down) -> None:
    """Both are due together; the other one arrives, the damaged one waits with its reason."""
    url, asked = down
    objects = MemoryStorage()
    away = {"name": "b", "url": url, "retry_first": 3600, "retry_longest": 3600}
    source = _node(pacs_archive, away, storage=objects)
    good, lost = make_instance(), make_instance()
    source.running.take_in(lost, good)
    assert asked.wait(_PATIENCE)
    until(lambda: [each.attempts for each in _outbox(source).waiting()] == [1, 1])
    data = source.running.data
    found = source.running.archive.lookup.instance(str(lost.SOPInstanceUID))
    objects.delete(found.storage_key)
    source.running.stop()

    target = serve_http(pacs_archive, _PLUGINS)
    back = {**away, "url": target.url + "/dicom-web"}
    again = _node(pacs_archive, back, folder=data, storage=objects)
    _outbox(again).retry()
    ring(bell_of(data, 0))
    until(lambda: bool(_present(target, good)))
    until(lambda: [each.attempts for each in _outbox(again).waiting()] == [1])
    (waiting,) = _outbox(again).waiting()
    assert waiting.sop_instance_uid == str(lost.SOPInstanceUID)


def test_what_is_given_up_stays_listed(pacs_archive, until, down) -> None:
    """With its reason, and nobody looks at it any more."""
    url, _ = down
    rule = {
        "name": "b",
        "url": url,
        "retry_first": 0.01,
        "retry_longest": 0.01,
        "give_up_after": 0.05,
    }
    source = _node(pacs_archive, rule)
    source.running.take_in(make_instance())
    until(lambda: [each.due for each in _outbox(source).waiting()] == [None])


def test_rules_that_cannot_be_meant_are_refused() -> None:
    """Two of one name; an address that is none; a login that is half."""
    good = {"name": "b", "url": "http://x/dicom-web"}
    for wrong in (
        [good, good],
        [{**good, "url": "x"}],
        [{**good, "user": "jane"}],
        [{**good, "sop_class": "NoSuchStorage"}],
    ):
        with pytest.raises(ValidationError):
            DicomwebSettings(forward=wrong)
