"""``pacs jobs``: looked at, steered and watched beside a running archive."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from pacs_framework.cli.main import main
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.process import ServedArchive


@pytest.fixture
def served(pacs_archive: Archives) -> ServedArchive:
    """``pacs serve`` with what is installed."""
    return pacs_archive.served()


def run(served: ServedArchive, command: str, *arguments: object) -> Result:
    """``pacs jobs …`` in this process, because that is quicker."""
    with capture_logs():
        line = ["jobs", command, *map(str, arguments), "--config", str(served.config)]
        return CliRunner().invoke(main, line)


def as_json(served: ServedArchive, command: str, *arguments: object) -> Any:
    done = run(served, command, *arguments, "--json")
    assert done.exit_code in {0, 1}, done.output
    return json.loads(done.stdout)


def test_a_job_is_started_watched_and_shown(served: ServedArchive) -> None:
    """By one command, which ends when the job is over; its id names it from then on."""
    done = run(served, "start", "verify", "--key", "nightly", "--watch")
    assert done.exit_code == 0, done.output
    assert "state:     done" in done.stdout
    again = as_json(served, "start", "verify", "--key", "nightly")
    assert again == {"id": "1", "new": False}
    facts = as_json(served, "show", "1")
    assert (facts["kind"], facts["state"], facts["key"]) == ("verify", "done", "nightly")
    assert facts["result"] == {"instances": 0, "wrong": 0, "findings": []}
    (row,) = as_json(served, "list", "--state", "done")
    assert {name: facts[name] for name in row} == row
    assert "verify" in run(served, "list").stdout


def test_a_dead_letter_is_found_by_its_reason_and_done_again(served: ServedArchive) -> None:
    """In bulk; the exit codes say that there are some."""
    watched = run(served, "start", "verify", "--study", "1.2.3", "--watch", "--json")
    assert watched.exit_code == 1
    last = json.loads(watched.stdout.splitlines()[-1])
    assert (last["state"], last["error"]) == ("failed", "the archive has no study '1.2.3'")
    assert run(served, "summary").exit_code == 1
    (row,) = as_json(served, "list", "--reason", "NO STUDY")
    assert row["id"] == last["id"]
    assert as_json(served, "retry", "--state", "failed", "--kind", "verify") == {"jobs": 1}
    assert run(served, "watch", last["id"]).exit_code == 1
    assert as_json(served, "show", last["id"])["attempts"] == 1


def test_jobs_are_held_released_and_canceled(served: ServedArchive) -> None:
    """Exit code 1 where nothing was to do."""
    job = as_json(served, "start", "verify", "--held", "--lane", "l", "--priority", 5)["id"]
    assert as_json(served, "show", job)["state"] == "held"
    assert as_json(served, "cancel", "--lane", "l") == {"jobs": 1}
    nothing = run(served, "cancel", job)
    assert (nothing.exit_code, nothing.stderr) == (1, "0 jobs canceled\n")
    later = as_json(served, "start", "verify", "--in", 60)["id"]
    assert as_json(served, "hold", later) == {"jobs": 1}
    assert as_json(served, "release", later) == {"jobs": 1}
    assert as_json(served, "show", later)["state"] == "waiting"
    assert as_json(served, "retry", later) == {"jobs": 1}
    assert run(served, "watch", later).exit_code == 0


def test_a_kind_is_paused_and_resumed(served: ServedArchive) -> None:
    """And everybody can see why."""
    assert run(served, "pause", "verify", "--reason", "backup").exit_code == 0
    summary = run(served, "summary")
    assert "verify is paused until it is resumed: backup" in summary.stdout
    (pause,) = as_json(served, "summary")["paused"]
    assert (pause["kind"], pause["reason"]) == ("verify", "backup")
    assert run(served, "resume", "verify").exit_code == 0
    assert run(served, "resume", "verify").exit_code == 1
    assert run(served, "pause", "verify", "--minutes", "5").exit_code == 0
    assert as_json(served, "summary")["paused"][0]["until"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["start", "nope"], "no active plugin does jobs of kind 'nope' (known: "),
        (["start", "verify", "--payload", "[1]"], "--payload is no JSON object"),
        (["start", "verify", "--payload", "{"], "--payload is no JSON: "),
        (["start", "verify", "-p", "study"], "-p 'study' is not NAME=VALUE"),
        (["start", "verify", "--study", "x"], "verify: 'x' is no Study Instance UID"),
        (["show", "99"], "there is no job 99"),
        (["watch", "99"], "there is no job 99"),
        (["show", "x"], "'x' is no id of a job"),
        (["cancel"], "say which jobs"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_said(pacs_archive: Archives, arguments: list[str], said: str) -> None:
    """With what to do; nothing has changed."""
    running = pacs_archive()
    with capture_logs():
        line = ["jobs", *arguments, "--data", str(running.data)]
        done = CliRunner().invoke(main, line)
    assert done.exit_code != 0
    assert said in done.output + str(done.exception)


def test_kinds_are_listed_with_their_plugins_and_limits(pacs_archive: Archives) -> None:
    """Those of every active plugin."""
    running = pacs_archive()
    with capture_logs():
        line = ["jobs", "kinds", "--json", "--data", str(running.data)]
        rows = json.loads(CliRunner().invoke(main, line).stdout)
    (verify,) = [row for row in rows if row["kind"] == "verify"]
    assert (verify["plugin"], verify["everywhere"]) == ("jobs", 1)


def test_a_shell_completes_ids(served: ServedArchive) -> None:
    """Of the archive that the line names, with kind and state."""
    job = as_json(served, "start", "verify", "--held")["id"]
    complete = ShellComplete(main, {}, "pacs", "_PACS_COMPLETE")
    line = ["jobs", "show", "--config", str(served.config)]
    with capture_logs():
        found = complete.get_completions(line, "")
    assert [(each.value, each.help) for each in found] == [(job, "verify held")]
    assert isinstance(main, click.Group)
