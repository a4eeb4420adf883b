"""The day of an order, from the RIS to the report that its study is complete; undisturbed on both
engines, and with kill -9 in the middle of each of its steps.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pydicom
import pytest

from pacs_framework.testing.distributions import install_distribution
from pacs_framework.testing.forked import run_module
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.sockets import free_port

from .scheduled_day import IMAGES, Address, Answer, Day, Dcmtk, His, Reports
from .tripwire import Moment, Tripwire

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore::UserWarning")]

_SECONDS = 30
MERGED = 2  # corrections by one merge: with the issuer, and as images without one name the patient
_HEARD = """
from pacs_framework import hookimpl

@hookimpl
def on_study_complete(study, archive):
    with (archive.data / "heard").open("a") as file:
        file.write(f"{study.study_instance_uid} {study.number}\\n")
"""
_CONFIG = """
[plugins]
allow = ["store", "query-retrieve", "storage-filesystem", "worklist", "mpps", "storage-commitment",
  "hl7", "heard"]
[peers.ct1]
aet = "CT1"
host = "127.0.0.1"
port = {reports}
[peers.receiver]
aet = "RECEIVER"
host = "127.0.0.1"
port = {receiver}
[plugin.storage-commitment]
retry_first = 0.2
[plugin.hl7]
port = {hl7}
mapping = "{mapping}"
retry_first = 0.2
[plugin.hl7.receivers.his]
port = {his}
"""


class Clinic:
    """Everything around the archive, and how one is started in it."""

    def __init__(self, folder: Path, mapping: Path, dcmtk: Dcmtk, undo: ExitStack) -> None:
        self._folder = folder
        self._mapping = mapping
        self.receiver = free_port()
        self.his, self.reports = undo.enter_context(His()), undo.enter_context(Reports())
        self.day = Day(dcmtk, self.reports, folder)
        self.dcmtk = dcmtk
        install_distribution(folder / "site", "site-heard", {"heard": _HEARD})

    def node(
        self, name: str = "archive", more: str = ""
    ) -> tuple[Callable[[], AbstractContextManager[ServedArchive]], int]:
        """What starts an archive of this name, each time on the same data; its port for HL7."""
        hl7 = free_port()
        config = more + _CONFIG.format(
            reports=self.reports.port,
            receiver=self.receiver,
            hl7=hl7,
            mapping=self._mapping,
            his=self.his.port,
        )
        site = self._folder / "site"
        return lambda: served(self._folder / name, config=config, plugins=site), hl7

    def folder(self, name: str) -> Path:
        """A new one."""
        made = self._folder / name
        made.mkdir()
        return made


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one of the plugin, with the station of CT."""
    text = run_module("pacs_framework.cli", "hl7", "mapping").stdout
    file: Path = tmp_path_factory.mktemp("mapping") / "mapping.toml"
    file.write_text(text + 'CT = "CT1"\n', "utf-8")
    return file


@pytest.fixture
def clinic(tmp_path: Path, mapping: Path, dcmtk: Dcmtk) -> Iterator[Clinic]:
    with ExitStack() as undo:
        yield Clinic(tmp_path, mapping, dcmtk, undo)


Nodes = tuple[tuple[ServedArchive, Address], tuple[ServedArchive, Address]]


@pytest.fixture(params=["workers", pytest.param("nodes", marks=pytest.mark.postgresql)])
def nodes(request: pytest.FixtureRequest, clinic: Clinic, tmp_path: Path) -> Iterator[Nodes]:
    """Two addresses of one archive: of one on SQLite with two workers, or of two on PostgreSQL."""
    with ExitStack() as undo:

        def run(name: str, more: str) -> tuple[ServedArchive, Address]:
            start, hl7 = clinic.node(name, more)
            archive = undo.enter_context(start())
            return archive, Address(port=archive.port, hl7=hl7)

        if request.param == "workers":
            one = run("archive", "[network]\nworkers = 2\n")
            yield one, one
        else:
            url = request.getfixturevalue("pacs_postgres").new_database()
            objects = (tmp_path / "objects").as_uri()
            shared = f'[index]\nurl = "{url}"\n[storage]\nurl = "{objects}"\n'
            yield run("one", shared), run("two", shared)


def leaves_the_worklist(day: Day, address: Address) -> None:
    """The worklist follows the step, soon."""
    until = time.monotonic() + _SECONDS
    while left := day.worklist(address):
        assert time.monotonic() < until, left


def listed(archive: ServedArchive, *command: str) -> list[dict[str, object]]:
    """What a command that lists prints as JSON."""
    done = archive.run(*command, "--config", archive.config, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_a_day_ends_with_the_report_to_who_ordered(nodes: Nodes, clinic: Clinic) -> None:
    """Each step at another node than the one before. Then two patients turn out to be one."""
    (archive, one), (_, two) = nodes
    day = clinic.day
    assert day.order(one) is Answer.DONE
    planned = day.plan(two)
    assert (planned.AccessionNumber, planned.PatientID) == ("A1", "P1")
    assert day.begin(one) is Answer.DONE
    assert day.store(two) is Answer.DONE
    assert day.end(one) is Answer.DONE
    told = clinic.his.next()
    assert told["MSH"][8] == "ORU^R01^ORU_R01"
    assert told["ORC"][1:6] == ["RE", "PL1", "FI1", "", "CM"]
    assert told["OBX"][5] == planned.StudyInstanceUID
    assert day.commit(two) is Answer.DONE
    assert clinic.reports.next() == (day.transaction, 1, day.uids())
    leaves_the_worklist(day, two)
    assert [each["state"] for each in listed(archive, "worklist", "list", "--all")] == ["completed"]

    assert day.merge(one) is Answer.DONE
    the_patient_is(two, clinic, "P2", "Müller^Änne")
    assert listed(archive, "worklist", "list", "--all", "--patient-id", "P1") == []
    assert clinic.his.messages.empty()


def the_patient_is(address: Address, clinic: Clinic, patient: str, name: str) -> None:
    """By findscu, getscu and movescu; P1 is nobody any more."""
    aets = ("-aet", "RECEIVER", "-aec", address.aet)
    at = (address.host, address.port, "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName")
    study = ("-k", f"StudyInstanceUID={clinic.day.planned.StudyInstanceUID}")
    runs = {
        "found": ("findscu", "-S", "-X", "-k", "PatientID", *study),
        "gone": ("findscu", "-S", "-X", "-k", "PatientID=P1"),
        "got": ("getscu", "-S", *study),
        "moved": ("movescu", "-S", "-aem", "RECEIVER", "+P", clinic.receiver, *study),
    }
    seen = {}
    for what, (tool, *options) in runs.items():
        folder = clinic.folder(what)
        done = clinic.dcmtk(tool, *aets, "-od", folder, *options, *at)
        assert done.returncode == 0, done.stderr
        files = [pydicom.dcmread(file, force=True) for file in folder.iterdir()]
        seen[what] = [(str(each.PatientID), str(each.PatientName)) for each in files]
    holds = (patient, name)
    assert seen == {
        "found": [holds],
        "gone": [],
        "got": [holds] * IMAGES,
        "moved": [holds] * IMAGES,
    }


@pytest.mark.crash
@pytest.mark.timeout(360)  # a whole day, killed at each step: a minute where nothing else runs
def test_a_day_with_a_crash_in_each_step_ends_the_same(clinic: Clinic) -> None:
    """Killed when the first bytes of a request are there, right after the step before it was
    acknowledged; and when the answer was sent and does not arrive, so the sender repeats itself.
    """
    day, acts = clinic.day, clinic.day.acts
    start, hl7 = clinic.node()
    known = {day.begin: Answer.KNOWN, day.end: Answer.KNOWN}
    for act in acts:
        for moment in Moment:
            with start() as archive:
                address = Address(port=archive.port, hl7=hl7)
                for before in acts[: acts.index(act)][-1:]:
                    assert before(address) is known.get(before, Answer.DONE), before
                if act == day.begin:
                    day.plan(address)
                assert killed_in(act, archive, address, moment) is None
    with start() as archive:
        address = Address(port=archive.port, hl7=hl7)
        for act in acts:
            assert act(address) is known.get(act, Answer.DONE), act
        told = clinic.his.next()
        assert clinic.reports.next() == (day.transaction, 1, day.uids())
        leaves_the_worklist(day, address)
        (item,) = listed(archive, "worklist", "list", "--all")
        assert len(listed(archive, "commitment", "list")) == 1
        assert len(listed(archive, "patient", "history")) == MERGED
        (queued,) = listed(archive, "hl7", "queue", "list")
    assert (item["state"], item["patient_id"]) == ("completed", "P2")
    assert told["OBX"][5] == day.planned.StudyInstanceUID
    again = [clinic.his.next()["MSH"][9] for _ in range(clinic.his.messages.qsize())]
    assert {told["MSH"][9], *again} == {queued["control_id"]}
    reports = {clinic.reports.next() for _ in range(clinic.reports.received.qsize())}
    assert reports <= {(day.transaction, 1, day.uids())}
    heard = (archive.data / "heard").read_text().splitlines()
    assert set(heard) == {f"{day.planned.StudyInstanceUID} 1"}


def killed_in(
    act: Callable[[Address], Answer | None],
    archive: ServedArchive,
    address: Address,
    moment: Moment,
) -> Answer | None:
    """What the sender of an act hears of it when the archive dies at this moment."""
    with (
        Tripwire(archive.port, moment, archive.kill) as dicom,
        Tripwire(address.hl7, moment, archive.kill) as hl7,
    ):
        answer = act(Address(port=dicom.port, hl7=hl7.port))
    assert dicom.tripped != hl7.tripped
    assert archive.process.poll() is not None
    return answer


@pytest.mark.crash
def test_who_was_being_told_at_a_crash_is_told_again(clinic: Clinic) -> None:
    """The receiver of the report and the modality have their news, and the archive does not know
    it: each hears the same once more, under the name that it had.
    """
    day, his, reports = clinic.day, clinic.his, clinic.reports
    start, hl7 = clinic.node()
    with start() as archive:
        address = Address(port=archive.port, hl7=hl7)
        assert day.order(address) is Answer.DONE
        day.plan(address)
        assert day.begin(address) is day.store(address) is Answer.DONE
        his.interrupt = archive.kill
        assert day.end(address) is Answer.DONE
        first = his.next()
        archive.process.wait(_SECONDS)
    with start() as archive:
        address = Address(port=archive.port, hl7=hl7)
        assert his.next() == first
        reports.interrupt = archive.kill
        assert day.commit(address) is Answer.DONE
        committed = reports.next()
        archive.process.wait(_SECONDS)
    with start() as archive:
        address = Address(port=archive.port, hl7=hl7)
        assert reports.next() == committed == (day.transaction, 1, day.uids())
        leaves_the_worklist(day, address)
        (queued,) = listed(archive, "hl7", "queue", "list")
    assert (queued["state"], queued["control_id"]) == ("sent", first["MSH"][9])
    assert his.messages.empty()
    assert reports.received.empty()
