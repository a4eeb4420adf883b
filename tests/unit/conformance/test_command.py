"""``pacs conformance`` as a user calls it."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from pathlib import Path

import pytest

from pacs_framework.testing.forked import run_module


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run_module("pacs_framework.cli", "conformance", *map(str, arguments))


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A configuration that is wrong leaves what was there before."""
    target, config = tmp_path / "statement.json", tmp_path / "pacs.toml"
    config.write_text('[archive]\naet = "CLINIC"\n')
    done = run("--config", config, "--format", "json", "--output", target, "--date", "2026-01-02")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    written = json.loads(target.read_text("utf-8"))
    assert (written["aet"], written["date"]) == ("CLINIC", "2026-01-02")
    config.write_text("[archive]\naett = 1\n")
    assert run("--config", config, "--output", target).returncode != 0
    assert json.loads(target.read_text("utf-8")) == written


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01"])
def test_what_is_no_date_is_refused(text: str) -> None:
    done = run("--date", text)
    assert done.returncode == 2
    assert f"{text!r} is no date: write it as YYYY-MM-DD" in done.stderr


def test_the_date_of_today_is_there_only_where_it_was_asked_for() -> None:
    before = dt.datetime.now(tz=dt.UTC).astimezone().date()
    dated = json.loads(run("--format", "json", "--date").stdout)["date"]
    after = dt.datetime.now(tz=dt.UTC).astimezone().date()
    assert before.isoformat() <= dated <= after.isoformat()
    assert json.loads(run("--format", "json").stdout)["date"] == ""


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    done = run("--output", tmp_path / "missing" / "statement.md")
    assert done.returncode == 1
    assert "cannot be written: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr
