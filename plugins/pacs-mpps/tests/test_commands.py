"""``pacs mpps``: what stands in the book, and steps of our own told to a peer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydicom.uid import generate_uid
from structlog.testing import capture_logs

from pacs_framework.cli.main import main
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive
from pacs_framework.testing.sockets import free_port

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from mpps_peers import Modality


@pytest.fixture
def served(pacs_archive: Archives) -> ServedArchive:
    """``pacs serve`` with what is installed."""
    return pacs_archive.served()


def run(*arguments: object) -> Result:
    """``pacs mpps …`` in this process, because that is quicker."""
    with capture_logs():
        done = CliRunner().invoke(main, ["mpps", *map(str, arguments)])
    if isinstance(done.exception, Exception):
        raise done.exception
    return done


def at(served: ServedArchive, *arguments: object) -> Any:
    """A command that looks, as JSON."""
    done = run(*arguments, "--config", served.config, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def to(served: ServedArchive, command: str, *arguments: object) -> Result:
    """A command that tells."""
    return run(command, served.host, served.port, "--aec", served.aet, *arguments)


def test_a_step_is_told_looked_at_and_told_to_another(
    served: ServedArchive, tmp_path: Path
) -> None:
    """create, complete, list, show, and send of what show prints."""
    told = to(served, "create", "--modality", "CT", "--accession", "A1", "--json")
    assert told.exit_code == 0, told.stderr
    uid = json.loads(told.stdout)["sop_instance_uid"]
    instance = make_instance()
    file = tmp_path / "1.dcm"
    instance.save_as(file, enforce_file_format=True)
    done = to(served, "complete", uid, file)
    assert (done.exit_code, done.stdout) == (0, f"{uid}: COMPLETED\n"), done.stderr
    (row,) = at(served, "list", "--accession", "A1", "--status", "COMPLETED")
    assert (row["sop_instance_uid"], row["instances"]) == (uid, 1)
    shown = at(served, "show", uid)
    assert shown["awaited"] == [instance.SOPInstanceUID]
    again = str(generate_uid())
    file = tmp_path / "step.json"
    file.write_text(json.dumps(shown | {"sop_instance_uid": again}))
    assert to(served, "send", file).exit_code == 0
    assert at(served, "show", again)["status"] == "COMPLETED"
    table = run("list", "--config", served.config).stdout
    assert (uid in table, again in table) == (True, True)


def test_a_step_is_discontinued_with_a_reason(served: ServedArchive) -> None:
    """The code is in the step."""
    with Modality(served) as modality:
        uid = modality.begin()
    more = ("--reason", "110513", "--meaning", "Discontinued for unspecified reason")
    assert to(served, "discontinue", uid, *more).exit_code == 0
    code = at(served, "show", uid)["dataset"]["00400281"]["Value"][0]
    assert code["00080100"]["Value"] == ["110513"]
    assert "110513" in run("show", uid, "--config", served.config).stdout


def test_what_cannot_be_done_is_an_error(served: ServedArchive, tmp_path: Path) -> None:
    """Exit code 1 with the peer's own words, 2 for arguments that make no sense."""
    file = tmp_path / "1.dcm"
    make_instance().save_as(file, enforce_file_format=True)
    done = to(served, "complete", "1.2.3", file)
    assert (done.exit_code, "0112H (there is no step 1.2.3)" in done.stderr) == (1, True)
    assert to(served, "complete", "1.2.3").exit_code == 2
    assert to(served, "create", "--modality", "CT", "--study", "1..2").exit_code == 2
    text = tmp_path / "text"
    text.write_text("no step")
    assert "no performed procedure step" in to(served, "send", text).stderr
    done = run("create", "127.0.0.1", free_port(), "--modality", "CT")
    assert (done.exit_code, "cannot connect" in done.stderr) == (1, True)
    for command in ("show", "retry"):
        assert run(command, "1.2.3", "--config", served.config).exit_code == 1
