"""``pacs ups``: the steps of an archive, and those of a peer, by the same commands."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from ups_peers import Listener, code, results

from pacs_framework.testing.factories import Archives
from pacs_framework.testing.forked import run_module
from pacs_framework.testing.running import RunningArchive
from pacs_ups import plugin
from pacs_ups.state.making import new_step
from pacs_ups.state.model import GLOBAL
from pacs_ups.state.steps import Steps
from pacs_ups.state.subscribing import Subscriptions
from pacs_ups.tables import NAME


@pytest.fixture
def peer(pacs_archive: Archives, watcher: Listener) -> RunningArchive:
    """An archive that listens."""
    settings = {"peers": {"watcher": watcher.settings}}
    return pacs_archive({NAME: plugin}, settings=settings)


@pytest.fixture(params=["archive", "peer"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Options that name steps: in a data folder, or at a peer."""
    if request.param == "archive":
        return ["--data", str(tmp_path / "data")]
    peer: RunningArchive = request.getfixturevalue("peer")
    return ["--peer", peer.host, str(peer.port), "--aec", peer.aet]


def run(*arguments: object, fails: bool = False) -> subprocess.CompletedProcess[str]:
    """``pacs ups``, in a process of its own: in this one, archives print their log."""
    done = run_module("pacs_framework.cli", "ups", *map(str, arguments))
    assert bool(done.returncode) == fails, done.stdout + done.stderr
    return done


def run_json(*arguments: object) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def test_a_step_by_hand_from_its_creation_to_its_end(where: list[str], tmp_path: Path) -> None:
    """Created, listed, claimed, set, completed, shown; each as JSON, too."""
    made = run_json("create", *where, "--label", "Segment", "--worklist", "AI", "--priority", "LOW")
    assert made["status"] == "0000"
    uid = made["uid"]
    (listed,) = run_json("list", *where, "--state", "SCHEDULED", "--label", "Seg*")
    assert (listed["uid"], listed["priority"]) == (uid, "LOW")
    assert uid in run("list", *where).stdout
    claimed = run_json("claim", uid, *where)
    lock = claimed["transaction_uid"]
    again = run("claim", uid, *where, fails=True)
    assert "Transaction UID" in again.stderr
    changes = Dataset()
    changes.CommentsOnTheScheduledProcedureStep = "half"
    first, last = tmp_path / "set.json", tmp_path / "results.json"
    first.write_text(changes.to_json(), "utf-8")
    last.write_text(json.dumps([results().to_json_dict()]), "utf-8")
    run("set", uid, first, *where, "--transaction", lock)
    lacking = run("complete", uid, *where, "--transaction", lock, fails=True)
    assert "before COMPLETED" in lacking.stderr
    run("complete", uid, last, *where, "--transaction", lock)
    shown = run_json("show", uid, *where)
    assert shown["state"] == "COMPLETED"
    assert shown["dataset"]["00400400"]["Value"] == ["half"]
    assert "half" in run("show", uid, *where).stdout
    assert run_json("list", *where, "--state", "SCHEDULED") == []
    twice = run("complete", uid, *where, "--transaction", lock)
    assert "B306H" in twice.stderr


def test_what_show_prints_makes_another_step(where: list[str], tmp_path: Path) -> None:
    """With options that change it; what is not data is refused by name."""
    uid = run_json("create", *where, "--label", "a", "--patient-name", "Doe^John")["uid"]
    file = tmp_path / "step.json"
    file.write_text(run("show", uid, *where, "--json").stdout, "utf-8")
    copy = run_json("create", file, *where, "--label", "b", "--uid", "1.2.3")
    assert copy["uid"] == "1.2.3"
    dataset = run_json("show", "1.2.3", *where)["dataset"]
    assert dataset["00741204"]["Value"] == ["b"]
    assert dataset["00100010"]["Value"] == [{"Alphabetic": "Doe^John"}]
    file.write_text('{"0": 1', "utf-8")
    assert "no data set in JSON" in run("create", file, *where, fails=True).stderr
    assert "give --label or FILE" in run("create", *where, fails=True).stderr


def test_a_step_is_canceled_by_its_performer_or_by_request(where: list[str]) -> None:
    """One that nobody began at once; unknown ones and those that are over are errors."""
    first, second = (run_json("create", *where, "--label", each)["uid"] for each in "ab")
    run("cancel", first, *where, "--reason", "not needed", "--contact", "tel:1")
    progress = run_json("show", first, *where)["dataset"]["00741002"]["Value"][0]
    assert progress["00741238"]["Value"] == ["not needed"]
    lock = run_json("claim", second, *where)["transaction_uid"]
    run("cancel", second, *where, fails=True)
    run("cancel", second, *where, "--transaction", lock, "--reason", "x", fails=True)
    run("cancel", second, *where, "--transaction", lock)
    assert {each["state"] for each in run_json("list", *where)} == {"CANCELED"}
    run("cancel", "9.9", *where, fails=True)
    run("show", "9.9", *where, fails=True)


def test_a_list_that_is_cut_says_so(where: list[str]) -> None:
    """On standard error."""
    for label in "ab":
        run("create", *where, "--label", label)
    result = run("list", *where, "--limit", 1, "--json")
    assert len(json.loads(result.stdout)) == 1
    assert "only the first 1" in result.stderr


def test_a_peer_that_is_not_there_is_an_error() -> None:
    """In a sentence."""
    result = run("list", "--peer", "127.0.0.1", 1, fails=True)
    assert "cannot connect" in result.stderr


def test_what_is_claimed_here_is_not_canceled_by_others(tmp_path: Path) -> None:
    """C313: the archive performs it."""
    data = ["--data", str(tmp_path / "data")]
    uid = run_json("create", *data, "--label", "a")["uid"]
    run("claim", uid, *data)
    assert "goes on" in run("cancel", uid, *data, fails=True).stderr


def test_subscriptions_are_listed_and_ended(peer: RunningArchive, watcher: Listener) -> None:
    """Beside a running archive; with the locks of an AE that forgot them."""
    store = peer.archive.tables(NAME)
    Steps(store).create("1.2.3", new_step("x", ScheduledStationNameCodeSequence=[code()]))
    wanted = Subscriptions(store)
    wanted.subscribe(GLOBAL, "AWAY", lock=True)
    data = ["--data", str(peer.data)]
    found = run_json("subscriptions", *data)
    assert found["subscriptions"] == [
        {"aet": "AWAY", "scope": "all steps", "lock": True},
        {"aet": "AWAY", "scope": "1.2.3", "lock": True},
    ]
    assert [(each["aet"], each["events"]) for each in found["waiting"]] == [("AWAY", 1)]
    assert "all steps" in run("subscriptions", *data, "--retry").stdout
    assert run_json("subscriptions", *data, "--end", "AWAY")["subscriptions"] == []
    assert watcher.quiet(0.05)


def test_what_a_command_does_is_told_by_the_archive_that_runs(
    peer: RunningArchive, watcher: Listener
) -> None:
    """At once: the command rings."""
    Subscriptions(peer.archive.tables(NAME)).subscribe(GLOBAL, "WATCHER", lock=False)
    uid = run_json("create", "--data", str(peer.data), "--label", "a")["uid"]
    assert watcher.report().uid == uid
