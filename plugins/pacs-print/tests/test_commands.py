"""``pacs print`` beside a running archive, and on an archive that does not run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import Start
from print_peers import FILM, NET, Client

from pacs_framework.cli.main import main
from pacs_print.services.classes import PRINTER_INSTANCE


@pytest.fixture
def config(tmp_path: Path, films: Path) -> Path:
    """The configuration of an archive with the printer FILM, which no process runs."""
    path = tmp_path / "pacs.toml"
    path.write_text(
        f'[archive]\ndata = "{tmp_path / "data"}"\n'
        '[[plugin.print.printers]]\nae_title = "FILM"\nname = "Dry"\ndpi = 72\n'
        f'outputs = [{{to = "png", folder = "{films}"}}]\n'
    )
    return path


def run(*arguments: object, fails: bool = False) -> Result:
    result = CliRunner().invoke(main, ["print", *map(str, arguments)])
    assert bool(result.exit_code) == fails, result.output
    return result


def run_json(*arguments: object) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def test_a_test_pattern_waits_for_the_archive_to_run(config: Path) -> None:
    """Queued, held, released, canceled, printed again: each command answers with the job."""
    here = ("--config", config)
    made = run_json("test-pattern", "SMPTE", *here)
    assert (made["printer"], made["state"], made["films"]) == ("FILM", "PENDING", 1)
    uid = made["uid"]
    assert run_json("hold", uid, *here)["info"] == "HELD"
    assert run_json("release", uid, *here)["info"] == "QUEUED"
    assert [job["uid"] for job in run_json("queue", *here)] == [uid]
    shown = run_json("show", uid, *here)
    assert len(shown["films"][0]["images"]) == 1
    assert "film 1: STANDARD" in run("show", uid, *here).output
    assert run_json("cancel", uid, *here)["state"] == "FAILURE"
    again = run_json("reprint", uid, "--copies", 4, *here)
    assert (again["copies"], again["label"]) == (4, "test pattern SMPTE")
    assert [job["state"] for job in run_json("queue", *here)] == ["FAILURE", "PENDING"]
    assert [job["uid"] for job in run_json("queue", "--state", "PENDING", *here)] == [again["uid"]]
    assert uid in run("queue", *here).output


def test_printers_are_listed_with_their_jobs(config: Path) -> None:
    run_json("test-pattern", "TG18-QC", "--config", config)
    (printer,) = run_json("printers", "--config", config)
    assert (printer["name"], printer["status"], printer["jobs"]) == ("Dry", "NORMAL", 1)
    assert printer["outputs"] == ["png"]
    assert "Dry" in run("printers", "--config", config).output


def test_what_is_not_there_is_told(config: Path) -> None:
    """With what to do, and exit code 1."""
    here = ("--config", config)
    missing = run("show", "1.2.3", *here, fails=True).output
    assert "there is no print job '1.2.3'; `pacs print queue` lists them" in missing
    missing = run("test-pattern", "SMPTE", "--printer", "X", *here, fails=True).output
    assert "no printer 'X'; the configuration has FILM" in missing
    assert "COLUMNSxROWS" in run("send", "h", 1, config, "--layout", "2", fails=True).output
    assert "series" not in run("series", *here).stdout


def test_a_running_archive_learns_of_what_a_command_did(
    start: Start, config: Path, tmp_path: Path, films: Path
) -> None:
    """The client of a job that is canceled beside it is told so."""
    running = start(enabled=False)
    with Client(running) as client:
        client.open_session()
        _, film = client.open_film()
        client.fill(film)
        client.act(FILM, film.SOPInstanceUID)
        pending = client.events.get(timeout=NET)
        if pending.uid == PRINTER_INSTANCE:  # which is a warning: it keeps its jobs
            pending = client.events.get(timeout=NET)
        assert pending.type == 1
        text = config.read_text().replace(str(tmp_path / "data"), str(running.data))
        config.write_text(text)
        canceled = run_json("cancel", pending.uid, "--config", config)
        assert canceled["state"] == "FAILURE"
        failed = client.events.get(timeout=NET)
        if failed.uid == PRINTER_INSTANCE:
            failed = client.events.get(timeout=NET)
        assert (failed.type, failed.information.ExecutionStatusInfo) == (4, "CANCELED")
    assert not films.exists()
