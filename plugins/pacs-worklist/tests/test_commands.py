"""``pacs worklist`` as a user runs it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from pacs_framework.cli.main import main


@pytest.fixture
def pacs(tmp_path):
    """Runs a command of ``pacs worklist`` on an archive of its own."""

    def run(*arguments: str, code: int = 0) -> Result:
        (command, *rest) = arguments
        result = CliRunner().invoke(
            main, ["worklist", command, "--data", str(tmp_path / "data"), *rest]
        )
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run


ADD = (
    *("add", "--patient-id", "P1", "--patient-name", "Doe^John", "--modality", "CT"),
    *("--station", "CT1", "--start", "2026-11-21T10:30", "--json"),
)


def added(pacs, *more: str) -> dict:
    facts: dict = json.loads(pacs(*ADD, *more).stdout)
    return facts


def test_a_step_is_added_and_listed_and_shown(pacs):
    facts = added(pacs, "--accession", "A1", "--station", "CT2", "--set", "PatientSex=M")
    assert facts["start"] == "202611211030"
    assert facts["station_aet"] == ["CT1", "CT2"]
    assert json.loads(pacs("list", "--json").stdout) == [facts]
    assert "Doe^John" in pacs("list").stdout
    whole = json.loads(pacs("show", "1", "--json").stdout)
    assert whole["dataset"]["00100040"]["Value"] == ["M"]
    assert "Scheduled Procedure Step Sequence" in pacs("show", "1").stdout


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        ((), 1),
        (("--day", "20261121"), 1),
        (("--day", "20261122-"), 0),
        (("--station", "CT2"), 0),
        (("--modality", "CT", "--patient-id", "P1"), 1),
        (("--accession", "A2"), 0),
        (("--state", "started"), 0),
        (("--all",), 1),
    ],
)
def test_a_list_has_what_was_asked_for(pacs, options, listed):
    added(pacs, "--accession", "A1")
    assert len(json.loads(pacs("list", "--json", *options).stdout)) == listed


def test_a_list_that_is_cut_says_so(pacs):
    added(pacs)
    added(pacs)
    result = pacs("list", "--json", "--limit", "1")
    assert len(json.loads(result.stdout)) == 1
    assert "only the first 1 steps" in result.stderr


def test_a_step_is_changed_and_cancelled(pacs):
    added(pacs)
    changed = json.loads(
        pacs("update", "1", "--set", "Modality=MR", "--state", "started", "--json").stdout
    )
    assert (changed["modality"], changed["state"]) == ("MR", "started")
    assert pacs("cancel", "1").stdout == "cancelled: step 1, discontinued\n"
    assert json.loads(pacs("list", "--json").stdout) == []
    assert "cannot be changed" in pacs("update", "1", "--set", "Modality=CT", code=1).stderr


def test_an_order_that_is_added_again_is_changed(pacs):
    first = added(pacs, "--order", "O1")
    assert added(pacs, "--order", "O1", "--accession", "A7") == {
        **first,
        "accession_number": "A7",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("update", "1"), 2, "nothing to change"),
        (("update", "1", "--set", "Nonsense=1"), 2, "with a keyword of PS3.6"),
        (("update", "1", "--set", "ReferencedStudySequence=1"), 2, "is a sequence"),
        (("list", "--day", "tomorrow"), 2, "neither a day"),
        (("list", "--all", "--state", "started"), 2, "exclude each other"),
        ((*ADD[:9], "--start", "20261121"), 2, "no date with a time"),
        ((*ADD[:9], "--start", "20261321T1030"), 2, "no date with a time"),
        ((*ADD[:9], "--start", "20261121T2530"), 2, "no date with a time"),
        (("show", "9"), 1, "no step 9 in the worklist"),
    ],
)
def test_what_cannot_be_is_told(pacs, arguments, code, message):
    assert message in pacs(*arguments, code=code).stderr


def test_files_are_imported_twice_and_are_there_once(pacs, tmp_path, item):
    folder = tmp_path / "files" / "CT1"
    folder.mkdir(parents=True)
    item().save_as(folder / "one.wl", implicit_vr=True, little_endian=True)
    second = item(ScheduledProcedureStepID="S2").to_json_dict()
    (folder / "two.json").write_text(json.dumps([second]), "utf-8")
    for _ in range(2):
        said = json.loads(pacs("import", "--json", str(tmp_path / "files")).stdout)
        assert said == {"steps": 2, "failed": []}
    assert len(json.loads(pacs("list", "--json").stdout)) == 2


def test_a_file_that_cannot_be_taken_is_named_and_the_others_are_taken(pacs, tmp_path, item):
    """Of a file with a step that says too little, no step is taken."""
    good = item(ScheduledProcedureStepID="S2").to_json_dict()
    (tmp_path / "good.json").write_text(json.dumps(good), "utf-8")
    poor = [item().to_json_dict(), item(PatientID="").to_json_dict()]
    (tmp_path / "poor.json").write_text(json.dumps(poor), "utf-8")
    paths = [str(tmp_path / name) for name in ("good.json", "poor.json")]
    result = pacs("import", *paths, code=1)
    assert "poor.json: not a worklist item: no PatientID" in result.stderr
    assert "1 steps taken, 1 files failed" in result.stdout
    steps = json.loads(pacs("list", "--json").stdout)
    assert [each["scheduled_procedure_step_id"] for each in steps] == ["S2"]


def test_a_start_finds_its_commands_without_the_database():
    """Every `pacs` command asks each plugin for its commands."""
    program = (
        "import sys; import pacs_worklist.plugin as p; [c] = p.cli_commands();"
        "print(c.name, 'sqlalchemy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "worklist False\n"


def test_a_check_finds_a_worklist_that_a_newer_plugin_wrote(pacs, tmp_path):
    added(pacs)
    with sqlite3.connect(tmp_path / "data" / "tables" / "worklist.sqlite") as connection:
        connection.execute("UPDATE plugin_tables SET version = 99")
    connection.close()
    checked = CliRunner().invoke(main, ["check", "--data", str(tmp_path / "data")])
    assert checked.exit_code == 1
    assert "the tables of plugin 'worklist' have version 99" in checked.stderr
    assert "have version 99" in pacs("list", code=1).stderr
