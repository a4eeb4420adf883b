"""Destinations that are not ours: DCMTK's storescp, and Orthanc."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import RLELossless
from routing_nodes import (
    PATIENCE,
    QUICK,
    jobs_of,
    place_at,
    process,
    routing,
    settled,
    until,
)

import pacs_anonymize.plugin
import pacs_codecs_pylibjpeg.plugin
from pacs_framework.errors import ConfigurationError
from pacs_framework.jobs import JobState
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.forked import run_module
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.sockets import free_port, wait_for_listener
from pacs_routing.places.contract import Away


def write_key(file: Path) -> None:
    """As `pacs anonymize make-key` does."""
    done = run_module("pacs_framework.cli", "anonymize", "make-key", str(file))
    assert done.returncode == 0, done.stderr


needs_dcmtk = pytest.mark.skipif(
    shutil.which("storescp") is None, reason="Debian package dcmtk is not installed"
)
needs_orthanc = pytest.mark.skipif(
    shutil.which("Orthanc") is None, reason="Debian package orthanc is not installed"
)

Start = Callable[..., RunningArchive]


@contextmanager
def storescp(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """DCMTK's receiver, which keeps what it gets bit by bit, and logs each request."""
    folder.mkdir(exist_ok=True)
    command = ("storescp", "-v", "+B", "+xa", "-aet", "PEER", "-od", str(folder), str(port))
    with process(*command, port=port, log=folder.parent / "log") as running:
        yield running


def received(folder: Path) -> dict[str, Dataset]:
    """What stands in the folder, by UID."""
    found = (dcmread(each) for each in folder.iterdir())
    return {str(each.SOPInstanceUID): each for each in found}


@pytest.fixture
def start(pacs_archive: Archives) -> Start:
    """An archive that sends everything to PEER at ``port``."""

    def run(port: int, *, plugins: dict[str, object] | None = None, **own: Any) -> RunningArchive:
        settings = {
            "peers": {"peer": {"aet": "PEER", "host": "127.0.0.1", "port": port}},
            "plugin": own,
        }
        destinations = [{"name": "peer", "peer": "PEER", **QUICK}]
        return routing(pacs_archive, destinations=destinations, settings=settings, plugins=plugins)

    return run


@needs_dcmtk
def test_storescp_that_is_killed_gets_everything_when_it_is_back(
    start: Start, tmp_path: Path
) -> None:
    """Nothing of what it had acknowledged comes again."""
    port, folder = free_port(), tmp_path / "received"
    before, meanwhile = ([make_instance() for _ in range(5)] for _ in range(2))
    with storescp(folder, port) as peer:
        running = start(port)
        assert place_at(running).check() == "C-ECHO: success"
        running.take_in(*before)
        until(lambda: len(jobs_of(running, JobState.DONE)) == 5)
        peer.kill()
        peer.wait(PATIENCE)
        running.take_in(*meanwhile)
        until(lambda: any(job.error for job in jobs_of(running, JobState.WAITING)))
        with pytest.raises(Away):
            place_at(running).check()
    with storescp(folder, port):
        settled(running, 10)
        found = received(folder)
    assert found == {str(each.SOPInstanceUID): each for each in (*before, *meanwhile)}
    log = (tmp_path / "log").read_text("utf-8", "replace")
    assert log.count("Received Store Request") == 10


@needs_dcmtk
def test_what_goes_out_is_deidentified_where_a_rule_of_views_says_so(
    start: Start, tmp_path: Path
) -> None:
    """pacs-anonymize decides by the destination; the stored instance stays as it is."""
    port, folder, key = free_port(), tmp_path / "received", tmp_path / "key"
    write_key(key)
    views = [{"destination": "PEER", "anonymizer": "basic"}]
    with storescp(folder, port):
        running = start(
            port,
            plugins={"anonymize": pacs_anonymize.plugin},
            anonymize={"key_file": str(key), "on_retrieve": views},
        )
        made = make_instance(PatientName="Doe^John", PatientID="P1")
        running.take_in(made)
        settled(running, 1)
        (found,) = received(folder).values()
    assert found.PatientIdentityRemoved == "YES"
    assert "Doe" not in str(found.get("PatientName"))
    assert found.SOPInstanceUID != made.SOPInstanceUID
    (job,) = jobs_of(running)
    assert job.result["sent_as"] == found.SOPInstanceUID


@needs_dcmtk
def test_a_destination_has_what_it_gets_deidentified_and_compressed(
    pacs_archive: Archives, tmp_path: Path
) -> None:
    """By the anonymizer that it names; the stored instance stays, and others get it as it is."""
    port, folder, key, plain = free_port(), tmp_path / "got", tmp_path / "key", tmp_path / "plain"
    write_key(key)
    made = make_instance(PatientName="Doe^John", PatientID="P1")
    with storescp(folder, port):
        running = routing(
            pacs_archive,
            destinations=[
                {"name": "peer", "peer": "PEER", "anonymizer": "basic", "send_as": {"to": "rle"}},
                {"name": "anonymous", "folder": str(tmp_path / "files"), "anonymizer": "basic"},
                {"name": "plain", "folder": str(plain)},
            ],
            settings={
                "peers": {"peer": {"aet": "PEER", "host": "127.0.0.1", "port": port}},
                "plugin": {"anonymize": {"key_file": str(key)}},
            },
            plugins={
                "anonymize": pacs_anonymize.plugin,
                "codecs-pylibjpeg": pacs_codecs_pylibjpeg.plugin,
            },
        )
        running.take_in(made)
        settled(running, 3)
        (sent,) = received(folder).values()
    (file,) = (tmp_path / "files").rglob("*.dcm")
    for found in (sent, dcmread(file)):
        assert found.PatientIdentityRemoved == "YES"
        assert "Doe" not in str(found.get("PatientName"))
        assert found.SOPInstanceUID != made.SOPInstanceUID
    assert sent.file_meta.TransferSyntaxUID == RLELossless
    assert sent.pixel_array.tobytes() == made.pixel_array.tobytes()
    assert str(made.SOPInstanceUID) not in str(file)
    (kept,) = plain.rglob("*.dcm")
    assert dcmread(kept).PatientName == "Doe^John"
    assert running.archive.lookup.present([str(made.SOPInstanceUID)])


def test_a_destination_whose_anonymizer_is_unknown_stops_the_start(
    pacs_archive: Archives, tmp_path: Path
) -> None:
    """Nothing could leave as it should."""
    where = {"name": "out", "folder": str(tmp_path / "out"), "anonymizer": "basik"}
    with pytest.raises(ConfigurationError, match=r"destination 'out': no anonymizer .* 'basik'"):
        routing(pacs_archive, destinations=[where])


@needs_orthanc
def test_orthanc_gets_a_study(start: Start, tmp_path: Path) -> None:
    """All of it, once."""
    port, http = free_port(), free_port()
    settings = {
        "StorageDirectory": str(tmp_path),
        "IndexDirectory": str(tmp_path),
        "DicomAet": "PEER",
        "DicomPort": port,
        "HttpPort": http,
        "Plugins": [],
    }
    file = tmp_path / "orthanc.json"
    file.write_text(json.dumps(settings), "utf-8")
    with process("Orthanc", str(file), port=port, log=tmp_path / "log"):
        wait_for_listener("127.0.0.1", http, seconds=PATIENCE)
        running = start(port)
        made = [make_instance() for _ in range(10)]
        running.take_in(*made)
        settled(running, 10)
        opener = build_opener(ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{http}/statistics", timeout=PATIENCE) as answer:
            assert json.load(answer)["CountInstances"] == 10
    assert len(jobs_of(running, JobState.DONE)) == 10
