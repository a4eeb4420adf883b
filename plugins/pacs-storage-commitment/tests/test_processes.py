"""Archives of several processes: killed between request and report, and two on one database."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import CTImageStorage, generate_uid

from pacs_framework.cli.peer import Call
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_framework.testing.process import served
from pacs_framework.testing.sockets import free_port
from pacs_framework.waking import Waker
from pacs_storage_commitment import plugin
from pacs_storage_commitment.asking import ask_peer
from pacs_storage_commitment.book import Book
from pacs_storage_commitment.model import Reference, State
from pacs_storage_commitment.tables import NAME

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from commitment_peers import NET, Modality, listening_modality, reference

MISSING = Reference(str(CTImageStorage), "1.2.3")


@pytest.fixture
def ct1() -> Iterator[Modality]:
    """A modality that listens, too."""
    with listening_modality() as modality:
        yield modality


def _config(port: int, more: str = "") -> str:
    return (
        f'{more}[peers.ct1]\naet = "CT1"\nhost = "127.0.0.1"\nport = {port}\n'
        "[plugin.storage-commitment]\nretry_first = 0.2\n"
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_a_report_comes_though_the_archive_was_killed(
    tmp_path: Path, ct1: Modality, workers: int
) -> None:
    """kill -9 right after N-ACTION was answered with Success: the next start reports, once."""
    more = f"[network]\nworkers = {workers}\n"
    ct1.statuses = [0x0110] * 1000  # nothing is delivered before the end
    uid = str(generate_uid())
    with served(tmp_path, config=_config(ct1.port, more)) as archive:
        assert ct1.ask(archive, uid, [MISSING]) == 0
        archive.kill()
    ct1.statuses.clear()
    ct1.reports = queue.Queue()
    with served(tmp_path, config=_config(ct1.port, more)):
        assert ct1.report().transaction_uid == uid
        with pytest.raises(queue.Empty):
            ct1.reports.get(timeout=0.5)


@pytest.mark.postgresql
def test_two_nodes_report_once(
    pacs_archive: Archives, pacs_postgres: PrivatePostgres, ct1: Modality
) -> None:
    """On one database, asked at both, failing at first: each transaction has one report."""
    settings = {
        "index": {"url": pacs_postgres.new_database()},
        "peers": {"ct1": {"aet": "CT1", "host": "127.0.0.1", "port": ct1.port}},
        "plugin": {NAME: {"retry_first": 0.05, "retry_longest": 0.05}},
    }
    nodes = [pacs_archive({NAME: plugin}, settings=settings) for _ in range(2)]
    ct1.statuses = [0x0110] * 10
    uids = [str(generate_uid()) for _ in range(10)]
    for number, uid in enumerate(uids):
        assert ct1.ask(nodes[number % 2], uid, [MISSING]) == 0
    assert sorted(ct1.report().transaction_uid for _ in uids) == sorted(uids)
    with pytest.raises(queue.Empty):
        ct1.reports.get(timeout=0.5)
    book = Book(nodes[0].archive.tables(NAME))
    assert {each.transaction_uid for each in book.latest(100)} == set(uids)


# --- Orthanc --------------------------------------------------------------------------------


class Orthanc:
    """Debian's Orthanc, which knows us as ``ours``."""

    aet, host = "ORTHANC", "127.0.0.1"

    def __init__(self, folder: Path, port: int, our_port: int) -> None:
        self.port, self._http = port, free_port()
        folder.mkdir()
        settings = {
            "StorageDirectory": str(folder),
            "IndexDirectory": str(folder),
            "DicomAet": self.aet,
            "DicomPort": port,
            "HttpPort": self._http,
            "AuthenticationEnabled": False,
            "DicomModalities": {"ours": ["PACS", self.host, our_port]},
            "Plugins": [],
        }
        config = folder / "orthanc.json"
        config.write_text(json.dumps(settings))
        self.process = subprocess.Popen(
            ["Orthanc", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if "Orthanc has started" in line:
                break
        self._drain = threading.Thread(target=self.process.stderr.read, daemon=True)
        self._drain.start()

    def http(self, path: str, data: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(f"http://{self.host}:{self._http}{path}", data=data)
        with urllib.request.urlopen(request) as answer:
            return dict(json.loads(answer.read()))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(NET)
        self._drain.join(NET)
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture
def beside_orthanc(pacs_archive: Archives, tmp_path: Path) -> Iterator[tuple[Any, Orthanc]]:
    """An archive of ours and an Orthanc, which know each other."""
    if shutil.which("Orthanc") is None:
        pytest.skip("Debian package orthanc is not installed")
    port = free_port()
    settings = {"peers": {"orthanc": {"aet": "ORTHANC", "host": "127.0.0.1", "port": port}}}
    ours = pacs_archive({NAME: plugin}, settings=settings)
    orthanc = Orthanc(tmp_path / "orthanc", port, ours.port)
    yield ours, orthanc
    orthanc.stop()


def test_orthanc_asks_us(beside_orthanc: tuple[Any, Orthanc]) -> None:
    """It gets its report on an association of its own, and knows each instance."""
    ours, orthanc = beside_orthanc
    instance = make_instance()
    ours.take_in(instance)
    known = [str(instance.SOPClassUID), str(instance.SOPInstanceUID)]
    asked = {"DicomInstances": [known, [MISSING.sop_class_uid, MISSING.sop_instance_uid]]}
    path = orthanc.http("/modalities/ours/storage-commitment", json.dumps(asked).encode())["Path"]
    book = Book(ours.archive.tables(NAME))
    for _ in range(NET * 20):
        (found,) = book.latest(1)
        if found.ended:
            break
        time.sleep(0.05)
    told = orthanc.http(path)
    assert (told["Status"], len(told["Success"])) == ("Failure", 1), told
    assert [each["FailureReason"] for each in told["Failures"]] == [0x0112]


def test_orthanc_is_asked_by_us(beside_orthanc: tuple[Any, Orthanc], tmp_path: Path) -> None:
    """It reports to our listener, while the one who asks still waits on its association."""
    ours, orthanc = beside_orthanc
    instance = make_instance()
    file = tmp_path / "1.dcm"
    instance.save_as(file, enforce_file_format=True)
    orthanc.http("/instances", file.read_bytes())
    book = Book(ours.archive.tables(NAME))
    uid, bell = str(generate_uid()), ours.archive.data / "storage-commitment"
    references = [reference(instance), MISSING]
    with closing(Waker(bell / f"{uid}.bell")) as waker:
        converse(orthanc, book, ours.archive.data, uid, references, waker)
    (found,) = book.by_uid(uid)
    assert (found.state, found.failed) == (State.REFUSED, 1)
    assert [reason for _, reason in book.results(found.id)] == [0, 0x0112]


def converse(
    orthanc: Orthanc, book: Book, data: Path, uid: str, references: list[Reference], waker: Waker
) -> None:
    """As ``pacs commitment request`` does."""
    call = Call(
        host=orthanc.host,
        port=orthanc.port,
        calling_aet="PACS",
        called_aet="ORTHANC",
        timeout=NET,
        tls=None,
    )
    ask_peer(call, book, data, uid, references, waker, NET)
