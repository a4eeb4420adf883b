"""``pacs hl7`` as a user runs it, beside an archive that runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pacs_framework.cli.main import main
from pacs_hl7.mapping import default_text

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from hl7_peers import BOOKED, MERGE, ORDER, changed, encoded


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["hl7", *map(str, arguments)])
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.fixture
def file(tmp_path):
    """Writes a message as a person would, with line feeds."""

    def write(segments, name: str = "message.hl7") -> Path:
        path: Path = tmp_path / name
        path.write_bytes(encoded(segments).replace(b"\r", b"\n"))
        return path

    return write


@pytest.fixture
def configured(tmp_path, mapping):
    """The options of an archive's own, with the plugins as installed."""
    config = tmp_path / "pacs.toml"
    config.write_text(f'[plugin.hl7]\nmapping = "{mapping}"\n', "utf-8")
    return "--config", config, "--data", tmp_path / "data"


def test_a_message_is_sent_and_its_answer_told(site, file):
    here = site()
    host, port = here.address
    assert run("send", host, port, file(ORDER)).stdout == "AA\n"
    bad = file(changed(ORDER, MSH={10: "M2"}, ORC={1: "ZZ"}), "bad.hl7")
    assert run("send", host, port, bad, code=1).stdout == (
        "AE ORC-1 is 'ZZ', which the mapping does not know\n"
    )
    [said] = json.loads(run("send", host, port, bad, "--json", code=1).stdout)
    assert (said["code"], said["accepted"]) == ("AE", False)
    here.archive.stop()
    assert "ConnectionRefusedError" in run("send", host, port, bad, code=1).stderr


def test_what_a_mapping_makes_of_a_message_is_shown(file, tmp_path, mapping):
    shown = run("check-mapping", mapping, file(ORDER)).stdout
    assert "plan step SPS1 of order PL1^RIS" in shown
    assert "'CT1'" in shown
    assert "plan step 1 of order AF1^RIS" in run("check-mapping", mapping, file(BOOKED)).stdout
    missed = file(changed(BOOKED, MSH={9: "SIU^S26"}))
    assert "cancel order AF1^RIS" in run("check-mapping", mapping, missed).stdout
    [result] = json.loads(run("check-mapping", mapping, file(MERGE), "--json").stdout)
    assert result["patients"][0]["prior_patient_id"] == "P1"
    plain = tmp_path / "plain.toml"
    plain.write_text(run("mapping").stdout, "utf-8")
    assert plain.read_text("utf-8") == default_text()
    assert "AE not a worklist item: no ScheduledStationAETitle" in (
        run("check-mapping", plain, file(ORDER), code=1).stdout
    )
    assert run("check-mapping", plain).stdout == f"{plain}: a mapping\n"


def test_a_message_that_was_refused_is_replayed_when_its_cause_is_gone(
    site, configured, tmp_path, file, mapping
):
    """The station was not mapped; then it is."""
    folder = tmp_path / "archive"
    bare = tmp_path / "bare.toml"
    bare.write_text(default_text(), "utf-8")
    here = site(folder=folder, mapping=str(bare))
    host, port = here.address
    run("send", host, port, file(ORDER), code=1)
    archive = ("--config", configured[1], "--data", here.archive.data)
    [kept] = json.loads(run("messages", "list", *archive, "--rejected", "--json").stdout)
    assert (kept["code"], kept["error"], kept["control_id"]) == ("AE", "101", "M1")
    assert "no ScheduledStationAETitle" in run("messages", "list", *archive).stdout
    shown = run("messages", "show", *archive, kept["id"]).stdout
    assert "Müller^Jörg" in shown
    assert run("messages", "replay", *archive, kept["id"]).stdout == "message 1: AA\n"
    assert len(here.worklist.find()) == 1
    assert json.loads(run("messages", "list", *archive, "--rejected", "--json").stdout) == []
    assert run("messages", "replay", *archive, kept["id"], "--json").exit_code == 0


def test_a_message_that_is_refused_again_says_so(site, configured):
    here = site()
    assert here.code(changed(ORDER, ORC={1: "CA"})) == "AE"
    archive = ("--config", configured[1], "--data", here.archive.data)
    said = run("messages", "replay", *archive, 1, code=1).stdout
    assert said == "message 1: AE no step of order 'PL1^RIS' is known\n"
    assert "no message 9 is kept" in run("messages", "show", *archive, 9, code=1).stderr


def test_an_empty_queue_and_a_message_that_is_not_there(configured):
    assert json.loads(run("queue", "list", *configured, "--json").stdout) == []
    assert "no message 3 is queued" in run("queue", "retry", *configured, 3, code=1).stderr


def test_a_start_finds_its_commands_without_database_or_event_loop():
    """Every `pacs` command asks each plugin for its commands."""
    program = (
        "import sys; import pacs_hl7.plugin as p; [c] = p.cli_commands();"
        "print(c.name, 'sqlalchemy' in sys.modules, 'hl7.mllp' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "hl7 False False\n"
