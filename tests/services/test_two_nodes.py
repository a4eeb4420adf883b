"""Two ``pacs serve`` on one PostgreSQL and one storage are one archive."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import (
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
)

from pacs_framework.dicom.status import Status
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.sockets import free_port, wait_for_listener

from .isolation import eventually

pytestmark = pytest.mark.postgresql

Store = Callable[[ServedArchive, Dataset], Dataset]
Associate = Callable[..., Association]
PAGE = Path(__file__).parents[2] / "docs/how-to/two-nodes.md"
PLUGINS = '["store", "query-retrieve", "verification", "storage-filesystem", "exec"]'


class Cluster:
    """Nodes by name, on one database and one folder of objects."""

    def __init__(self, url: str, folder: Path, undo: ExitStack) -> None:
        self.url = url
        self.folder = folder
        self._undo = undo
        self.ports = {"one": free_port(), "two": free_port()}
        self.heard = folder / "heard"

    def start(self, name: str) -> ServedArchive:
        program = f'["sh", "-c", "echo {name} {{sop_instance_uid}} >> {self.heard}"]'
        config = (
            f'[index]\nurl = "{self.url}"\n'
            f'[storage]\nurl = "{(self.folder / "objects").as_uri()}"\n'
            f"[plugins]\nallow = {PLUGINS}\n[plugin.exec]\non_stored = {program}\n"
        )
        options = ("--port", str(self.ports[name]))
        return self._undo.enter_context(served(self.folder / name, config=config, options=options))

    def balancer(self) -> int:
        """HAProxy as the page configures it; the port that it listens on."""
        program = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            pytest.skip("haproxy is not installed")
        (text,) = re.findall(
            r"<!-- file: haproxy.cfg -->\n```ini\n(.*?)```", PAGE.read_text(), re.DOTALL
        )
        port = free_port()
        printed = {"11114": port, "11112": self.ports["one"], "11113": self.ports["two"]}
        for number, used in printed.items():
            text = text.replace(f":{number}", f":{used}")
        config = self.folder / "haproxy.cfg"
        config.write_text(text)
        process = subprocess.Popen([program, "-q", "-f", str(config)])
        self._undo.callback(process.wait, 20)
        self._undo.callback(process.terminate)
        wait_for_listener("127.0.0.1", port)
        return port

    def told(self) -> list[tuple[str, str]]:
        """Which node's program ran for which instance, in order."""
        text = self.heard.read_text() if self.heard.exists() else ""
        return [(node, uid) for node, uid in (line.split() for line in text.splitlines())]

    def count(self, table: str) -> int:
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return int(connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0)


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    url = request.getfixturevalue("pacs_postgres").new_database()
    with ExitStack() as undo:
        yield Cluster(url, tmp_path, undo)


def found(node: ServedArchive, study: str, associate: Associate) -> list[str]:
    """The Study Instance UIDs that a query for ``study`` on ``node`` finds."""
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.StudyInstanceUID = study
    association = associate(node, StudyRootQueryRetrieveInformationModelFind)
    answers = association.send_c_find(query, StudyRootQueryRetrieveInformationModelFind)
    return [
        str(match.StudyInstanceUID) for status, match in answers if status.Status == Status.PENDING
    ]


def fetched(node: ServedArchive, study: str) -> list[Dataset]:
    """What a C-GET of a study from ``node`` delivers."""
    came: list[Dataset] = []

    def keep(event: evt.Event) -> int:
        came.append(event.dataset)
        return Status.SUCCESS

    ae = AE(ae_title="TESTSCU")
    ae.add_requested_context(StudyRootQueryRetrieveInformationModelGet)
    ae.add_requested_context(CTImageStorage)
    association = ae.associate(
        node.host,
        node.port,
        ext_neg=[build_role(CTImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, keep)],
    )
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.StudyInstanceUID = study
    *_, (status, _) = association.send_c_get(query, StudyRootQueryRetrieveInformationModelGet)
    association.release()
    assert status.Status == Status.SUCCESS
    return came


def test_what_one_stores_the_other_finds_and_sends_at_once(
    cluster: Cluster, store: Store, associate: Associate
) -> None:
    """And of many first images of one patient on both, one patient, study and series comes."""
    nodes = cluster.start("one"), cluster.start("two")
    image = make_instance(SOPClassUID=CTImageStorage)
    assert store(nodes[0], image).Status == Status.SUCCESS
    study = image.StudyInstanceUID
    assert found(nodes[1], study, associate) == [study]
    (came,) = fetched(nodes[1], study)
    assert came.SOPInstanceUID == image.SOPInstanceUID
    assert came.PixelData == image.PixelData

    shared = {
        "PatientID": "NEW",
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
    }
    gate = threading.Barrier(8)
    statuses: list[int] = []

    def send(node: ServedArchive) -> None:
        first = make_instance(**shared)
        gate.wait(30)
        statuses.append(store(node, first).Status)

    threads = [threading.Thread(target=send, args=(nodes[n % 2],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [Status.SUCCESS] * 8
    rows = {table: cluster.count(table) for table in ("patient", "study", "series", "instance")}
    assert rows == {"patient": 2, "study": 2, "series": 2, "instance": 9}


def test_a_hook_runs_once_for_both_and_on_the_other_node_when_one_is_killed(
    cluster: Cluster, store: Store
) -> None:
    one = cluster.start("one")
    eventually(lambda: "consumer served from here" in one.log_text())
    two = cluster.start("two")
    images = [make_instance() for _ in range(3)]
    for image in images:
        assert store(two, image).Status == Status.SUCCESS
    uids = [str(image.SOPInstanceUID) for image in images]
    eventually(lambda: len(cluster.told()) == 3)
    assert cluster.told() == [("one", uid) for uid in uids]
    one.kill()
    last = make_instance()
    assert store(two, last).Status == Status.SUCCESS
    eventually(lambda: ("two", str(last.SOPInstanceUID)) in cluster.told())
    again = Counter(uid for _, uid in cluster.told())
    assert set(again) == {*uids, str(last.SOPInstanceUID)}
    assert two.stop() == 0


class Sender:
    """A modality behind the balancer that never stops: DCMTK's storescu, again and again, each time
    with new images over one association for as long as that lasts.
    """

    def __init__(self, port: int, folder: Path) -> None:
        program = shutil.which("storescu", path="/usr/bin:/usr/local/bin")
        if program is None:
            pytest.skip("DCMTK's storescu is not installed")
        image = folder / "image.dcm"
        make_instance().save_as(image, enforce_file_format=True)
        patience = ("-to", "20", "-ta", "20", "-td", "20")
        address = ("127.0.0.1", str(port))
        self._command = [program, "-d", *patience, "--repeat", "1000", "+II", *address, str(image)]
        self._stop = threading.Event()
        self.begun = 0
        self.kept: list[str] = []
        self.failed: list[str] = []
        self.silent: list[str] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.begun += 1
            with subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            ) as process:
                assert process.stdout is not None
                self._read(process.stdout)
                process.terminate()

    def _read(self, lines: Iterable[str]) -> None:
        """What it says of each answer, until it ends or the test does."""
        uid = ""
        for line in lines:
            if "Affected SOP Instance UID" in line:
                uid = line.split()[-1]
            elif "DIMSE Status" in line:
                (self.kept if "Success" in line else self.failed).append(uid)
                if self._stop.is_set():
                    return
            elif "timeout" in line and line.startswith(("E:", "F:")):
                self.silent.append(line)


def test_a_node_that_restarts_loses_nothing_that_was_acknowledged(
    cluster: Cluster, tmp_path: Path
) -> None:
    """A sender that goes on sees aborted and refused associations, no failure and no silence."""
    one, two = cluster.start("one"), cluster.start("two")
    sender = Sender(cluster.balancer(), tmp_path)
    try:
        for node in (one, two):
            seen = len(sender.kept)
            eventually(lambda seen=seen: len(sender.kept) > seen + 10)
            assert node.stop() == 0
            seen = len(sender.kept)
            eventually(lambda seen=seen: len(sender.kept) > seen + 10)
            name = "one" if node is one else "two"
            again = cluster.start(name)
    finally:
        sender.end()
    assert sender.begun > 1  # it was interrupted
    assert sender.failed == []
    assert sender.silent == []
    engine = sa.create_engine(cluster.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        stored = set(connection.scalars(sa.text("SELECT sop_instance_uid FROM instance")))
    assert set(sender.kept) <= stored
    done = again.command("verify", "--json")
    assert json.loads(done.stdout)["findings"] == [], done.stdout
    assert done.returncode == 0
