"""Orthanc's DICOMweb plugin as origin and as target of stores: not an implementation of ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from pydicom import dcmwrite

import pacs_dicomweb.plugin
from pacs_framework.cli.main import main
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.sockets import free_port
from pacs_http.testing import WebArchive, serve_http

_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_PATIENCE = 60.0

pytestmark = pytest.mark.skipif(
    shutil.which("Orthanc") is None or not _PLUGIN.exists(),
    reason="Debian packages orthanc and orthanc-dicomweb are not installed",
)


@pytest.fixture
def web(pacs_archive) -> WebArchive:
    """An empty archive that is silent on standard output, where commands print."""
    return serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin}, http={"access_log": False})


@pytest.fixture
def orthanc(web, tmp_path: Path) -> Iterator[str]:
    """The address of an empty Orthanc that knows our archive as ``ours``."""
    port = free_port()
    (tmp_path / "db").mkdir()
    settings = {
        "StorageDirectory": str(tmp_path / "db"),
        "IndexDirectory": str(tmp_path / "db"),
        "DicomServerEnabled": False,
        "HttpPort": port,
        "Plugins": [str(_PLUGIN)],
        "DicomWeb": {"Servers": {"ours": [web.url + "/dicom-web/"]}},
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["Orthanc", str(tmp_path / "orthanc.json")], stdout=log, stderr=log
        )
    try:
        _await(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until it answers; it tells nobody when it is ready."""
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(url + "/system", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("Orthanc did not start")


def test_instances_go_to_orthanc_and_come_back_by_its_own_store(
    web, orthanc, make_series, tmp_path
) -> None:
    """Sent by our command, found and fetched there; then sent by Orthanc to us, all the same."""
    made = make_series(4, PatientID="4711")
    (tmp_path / "in").mkdir()
    for number, each in enumerate(made):
        dcmwrite(tmp_path / "in" / f"{number}.dcm", each, enforce_file_format=True)
    runner, there = CliRunner(), orthanc + "/dicom-web"

    stored = runner.invoke(main, ["dicomweb", "store", there, str(tmp_path / "in")])
    assert stored.exit_code == 0, stored.output
    found = runner.invoke(main, ["dicomweb", "search", there, "-m", "PatientID=4711", "--json"])
    study = str(made[0].StudyInstanceUID)
    assert [each["0020000D"]["Value"] for each in json.loads(found.stdout)] == [[study]]
    fetched = runner.invoke(
        main, ["dicomweb", "retrieve", there, str(tmp_path / "out"), "--study", study]
    )
    assert fetched.exit_code == 0, fetched.output
    assert len(list((tmp_path / "out").iterdir())) == 4

    ids = httpx.get(orthanc + "/studies", trust_env=False).json()
    answered = httpx.post(
        orthanc + "/dicom-web/servers/ours/stow",
        json={"Resources": ids},
        timeout=_PATIENCE,
        trust_env=False,
    )
    assert answered.status_code == 200, answered.text
    uids = [str(each.SOPInstanceUID) for each in made]
    assert web.running.archive.lookup.present(uids) == set(uids)


def test_what_comes_in_is_forwarded_to_orthanc(pacs_archive, orthanc) -> None:
    """By a rule, until nothing waits any more."""
    rule = {"name": "orthanc", "url": orthanc + "/dicom-web"}
    settings = {"plugin": {"dicomweb": {"forward": [rule]}}}
    source = serve_http(pacs_archive, {"dicomweb": pacs_dicomweb.plugin}, settings=settings)
    source.running.take_in(make_instance(), make_instance())
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if len(httpx.get(orthanc + "/instances", trust_env=False).json()) == 2:
            return
        time.sleep(0.05)
    raise AssertionError("they did not arrive in time")
