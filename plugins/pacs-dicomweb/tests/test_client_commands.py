"""``pacs dicomweb``: what it finds, fetches and sends, and how it logs in."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydicom import Dataset, dcmwrite

import pacs_dicomweb.plugin
from pacs_framework.cli.main import main
from pacs_framework.dicomweb.server import Secret, Server
from pacs_framework.errors import ConfigurationError
from pacs_framework.testing.instances import make_instance
from pacs_http.access.accounts import Accounts
from pacs_http.access.passwords import hashed
from pacs_http.testing import WebArchive, serve_http

Run = Callable[..., Result]


@pytest.fixture
def web(pacs_archive) -> WebArchive:
    """An empty archive that is silent on standard output, where commands print."""
    return serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin}, http={"access_log": False})


@pytest.fixture
def run(web) -> Run:
    """Run ``pacs dicomweb NAME URL …`` against the archive."""

    def run(name: str, *arguments: str, url: str = "") -> Result:
        return CliRunner().invoke(
            main, ["dicomweb", name, url or web.url + "/dicom-web", *arguments]
        )

    return run


def _write(folder: Path, *made: Dataset) -> list[bytes]:
    folder.mkdir(exist_ok=True)
    files = []
    for number, each in enumerate(made):
        buffer = io.BytesIO()
        dcmwrite(buffer, each, enforce_file_format=True)
        files.append(buffer.getvalue())
        (folder / f"{number}.dcm").write_bytes(files[-1])
    return files


def test_a_study_goes_there_and_back_byte_for_byte(web, run, make_series, tmp_path) -> None:
    """Stored in several requests, found, fetched into files."""
    made = make_series(5, PatientID="4711")
    files = _write(tmp_path / "in", *made)
    (tmp_path / "in" / "readme.txt").write_text("no instance")
    os.mkfifo(tmp_path / "in" / "pipe")  # whoever opens it waits for ever
    stored = run("store", str(tmp_path / "in"), "--batch", "2", "--json")
    assert stored.exit_code == 0, stored.output
    told = json.loads(stored.stdout)
    assert (told["stored"], told["failed"], len(told["skipped"])) == (5, 0, 1)

    study = str(made[0].StudyInstanceUID)
    found = run("search", "-m", "PatientID=4711", "--json")
    assert [each["0020000D"]["Value"] for each in json.loads(found.stdout)] == [[study]]
    assert study in run("search").stdout
    assert str(made[0].PatientName) in run("search").stdout
    at_level = run("search", "--level", "instance", "--study", study, "--limit", "3", "--json")
    assert len(json.loads(at_level.stdout)) == 3

    out = tmp_path / "out"
    fetched = run("retrieve", str(out), "--study", study, "--json")
    assert fetched.exit_code == 0, fetched.output
    assert json.loads(fetched.stdout)["retrieved"] == 5
    got = [(out / f"{each.SOPInstanceUID}.dcm").read_bytes() for each in made]
    assert got == files
    again = run("retrieve", str(out), "--study", study)
    assert again.exit_code == 1
    assert isinstance(again.exception, FileExistsError)
    assert run("retrieve", str(out), "--study", study, "--overwrite").exit_code == 0


def test_what_is_not_stored_is_named_and_fails_the_command(run, tmp_path) -> None:
    """Of another study than --study; a file that is named and is none; nothing at all."""
    _write(tmp_path / "in", make_instance())
    other = run("store", str(tmp_path / "in"), "--study", "1.2.3")
    assert other.exit_code == 1
    assert "failure A900" in other.output
    assert "0 stored, 1 failed" in other.output
    (tmp_path / "text").write_text("no instance")
    assert run("store", str(tmp_path / "text")).exit_code == 1
    assert run("retrieve", str(tmp_path / "out"), "--study", "1.2.3").exit_code == 1


def test_errors_of_the_server_are_told_in_its_words(run) -> None:
    """The detail of a problem, and a server that is not there."""
    answered = run("search", "-m", "Nonsense=1")
    assert answered.exit_code == 1
    assert "400" in answered.output
    assert "Nonsense" in answered.output
    away = run("search", url="http://127.0.0.1:9/dicom-web")
    assert away.exit_code == 1
    assert "cannot be used" in away.output


def test_it_logs_in_by_what_is_in_a_file_or_a_variable(pacs_archive, tmp_path, monkeypatch) -> None:
    """With a token, and the token is in no message."""
    web = serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin}, http={"login": "required"})
    accounts = Accounts(web.running.archive.tables("http"))
    accounts.add_user("jane", hashed("a long password"), ["viewer"])
    url = web.url + "/dicom-web"
    (tmp_path / "password").write_text("a long password\n")
    monkeypatch.setenv("SOME_PASSWORD", "a wrong password")
    runner = CliRunner()
    assert "401" in runner.invoke(main, ["dicomweb", "search", url]).output
    good = [
        "dicomweb",
        "search",
        url,
        "--user",
        "jane",
        "--password-file",
        str(tmp_path / "password"),
    ]
    assert runner.invoke(main, good).exit_code == 0
    wrong = runner.invoke(
        main, ["dicomweb", "search", url, "--user", "jane", "--password-env", "SOME_PASSWORD"]
    )
    assert "401" in wrong.output
    assert "wrong password" not in str(wrong.exception) + wrong.output


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "pacs.example.org"},
        {"url": "ftp://pacs.example.org"},
        {"url": "https://jane:secret@pacs.example.org"},
        {"url": "http://x", "user": "jane"},
        {"url": "http://x", "user": "jane", "token": Secret(variable="X")},
    ],
)
def test_a_server_that_cannot_be_meant_is_refused(wrong) -> None:
    """Before anything is sent, and a password in an address is not repeated."""
    with pytest.raises(ConfigurationError) as caught:
        Server(**wrong)
    assert "secret" not in str(caught.value)


def test_an_empty_secret_is_an_error(tmp_path, monkeypatch) -> None:
    """Logging in as nobody would else be taken for a wrong password."""
    (tmp_path / "empty").write_text("\n")
    monkeypatch.delenv("NOT_SET", raising=False)
    for secret in (Secret(file=tmp_path / "empty"), Secret(variable="NOT_SET")):
        with pytest.raises(ConfigurationError, match="no password"):
            secret.read()
