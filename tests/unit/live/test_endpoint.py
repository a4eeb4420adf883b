"""A running archive answers those who may ask, and only them."""

from __future__ import annotations

import socket
import stat
import threading
from pathlib import Path

import pytest

from pacs_framework.errors import ConfigurationError
from pacs_framework.live import Endpoint, ask
from pacs_framework.live.health import joint_health
from pacs_framework.live.place import folder_of, short_path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder, so deep that a socket in it could not be addressed."""
    deep = tmp_path.joinpath(*["a-rather-long-name-of-a-folder"] * 5)
    assert len(str(deep)) > 108
    return deep


@pytest.fixture
def endpoint(data: Path):
    made = Endpoint(data, {"figures": lambda: {"pid": 7}, "fails": lambda: {}["no"]})
    yield made
    made.close()


def sockets(data: Path) -> list[Path]:
    return sorted(folder_of(data).iterdir())


def test_who_asks_gets_the_answer_to_the_question(data, endpoint):
    assert ask(data, "figures") == [{"pid": 7}]


def test_every_process_answers(data, endpoint):
    other = Endpoint(data, {"figures": lambda: {"pid": 8}})
    assert sorted(answer["pid"] for answer in ask(data, "figures")) == [7, 8]
    other.close()
    assert ask(data, "figures") == [{"pid": 7}]


def test_only_the_owner_may_ask(data, endpoint):
    """Whatever the umask is."""
    [path] = sockets(data)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_question_that_nobody_knows_is_told(data, endpoint):
    assert ask(data, "weather") == [{"error": "unknown question 'weather', known: figures, fails"}]


def test_an_answer_that_fails_is_an_error_and_no_end(data, endpoint):
    assert ask(data, "fails") == [{"error": "KeyError in the archive; its log tells more"}]
    assert ask(data, "figures") == [{"pid": 7}]


def test_where_nothing_runs_nobody_answers(tmp_path):
    assert ask(tmp_path, "figures") == []
    assert ask(tmp_path / "missing", "figures") == []


def test_a_closed_one_leaves_nothing(data, endpoint):
    endpoint.close()
    assert sockets(data) == []
    assert ask(data, "figures") == []
    assert not any(thread.name == "live-endpoint" for thread in threading.enumerate())


def test_the_socket_of_a_killed_process_is_passed_over_and_then_removed(data, endpoint):
    """By the next process that starts."""
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with short_path(folder_of(data), "dead.socket") as path:
        dead.bind(path)
    dead.close()
    assert ask(data, "figures") == [{"pid": 7}]
    other = Endpoint(data, {"figures": lambda: {"pid": 8}})
    assert "dead.socket" not in {path.name for path in sockets(data)}
    assert len(ask(data, "figures")) == 2, "the living ones stay"
    other.close()


def test_one_that_does_not_answer_is_an_error(data, endpoint):
    """In time, not for ever."""
    stuck = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with short_path(folder_of(data), "stuck.socket") as path:
        stuck.bind(path)
    stuck.listen()
    assert {"error": "a process does not answer within 0.05 s"} in ask(
        data, "figures", seconds=0.05
    )
    stuck.close()


def test_one_who_connects_and_says_nothing_holds_up_nobody_for_long(data, endpoint, monkeypatch):
    monkeypatch.setattr("pacs_framework.live.endpoint._PATIENCE", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        with short_path(folder_of(data), sockets(data)[0].name) as path:
            silent.connect(path)
        assert ask(data, "figures") == [{"pid": 7}]


def test_another_users_archive_is_named(tmp_path, monkeypatch):
    def refuse(_: Path):
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(ConfigurationError, match="belongs to another user; ask as the user that"):
        ask(tmp_path, "figures")


# --- the health of all processes together ------------------------------------------------------

WORKER = {"pid": 2, "role": "worker", "reasons": []}
SUPERVISOR = {"pid": 1, "role": "supervisor", "reasons": [], "workers": 2}


def test_nothing_that_runs_is_not_healthy():
    assert joint_health([], "/data").reasons == ("no archive runs on /data",)


def test_all_that_answer_well_are_healthy():
    assert joint_health([{"role": "archive", "reasons": []}], "x").healthy
    assert joint_health([SUPERVISOR, WORKER, WORKER], "x").healthy


def test_a_reason_that_several_give_is_told_once():
    full = {**WORKER, "reasons": ["the storage fails: no room is left"]}
    assert joint_health([SUPERVISOR, full, full], "x").reasons == (
        "the storage fails: no room is left",
    )


def test_workers_that_are_missing_and_errors_are_reasons():
    assert joint_health([SUPERVISOR, WORKER, {"error": "stuck"}], "x").reasons == (
        "stuck",
        "1 of 2 workers answer",
    )
    assert joint_health([WORKER], "x").reasons == ("the supervisor of the workers does not answer",)
