"""Deletions from a served archive, while others store, ask and retrieve, and what stays of them."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from pydicom import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import CTImageStorage, StudyRootQueryRetrieveInformationModelGet

from pacs_framework.dicom.status import Status
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served

Store = Callable[[ServedArchive, Dataset], Dataset]
STUDY = "1.2.826.0.1.3680043.10.543.9"
COUNT = 10  # instances of each of the two series


def instances() -> list[Dataset]:
    return [
        make_instance(StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.{series}")
        for series in (1, 2)
        for _ in range(COUNT)
    ]


def delete(archive: ServedArchive, *named: str) -> subprocess.CompletedProcess[str]:
    return archive.command("delete", *named, "--yes", "--reason", "test", "--json")


def verified(archive: ServedArchive) -> dict[str, object]:
    done = archive.command("verify", "--json")
    told: dict[str, object] = json.loads(done.stdout)
    return told


def get_and(archive: ServedArchive, meanwhile: Callable[[], None]) -> tuple[list[Dataset], Dataset]:
    """C-GET the study; ``meanwhile`` is called when the first instance is there. What came, and the
    last response.
    """
    came: list[Dataset] = []

    def keep(event: evt.Event) -> int:
        came.append(event.dataset)
        if len(came) == 1:
            meanwhile()
        return Status.SUCCESS

    ae = AE()
    ae.add_requested_context(StudyRootQueryRetrieveInformationModelGet)
    ae.add_requested_context(CTImageStorage)
    association = ae.associate(
        archive.host,
        archive.port,
        ae_title=archive.aet,
        ext_neg=[build_role(CTImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, keep)],
    )
    wanted = Dataset()
    wanted.QueryRetrieveLevel = "STUDY"
    wanted.StudyInstanceUID = STUDY
    answers = list(association.send_c_get(wanted, StudyRootQueryRetrieveInformationModelGet))
    assert association.is_established
    association.release()
    return came, answers[-1][0]


def test_a_retrieval_goes_on_when_something_of_it_is_deleted(
    tmp_path: Path, pacs_index_url: str, store: Store
) -> None:
    """What is gone when it is its turn is a failed sub-operation; all else comes, whole."""
    with served(tmp_path / "archive", config=f'[index]\nurl = "{pacs_index_url}"\n') as archive:
        sent = instances()
        for instance in sent:
            assert store(archive, instance).Status == Status.SUCCESS
        done: list[subprocess.CompletedProcess[str]] = []
        came, last = get_and(
            archive, lambda: done.append(delete(archive, "--series", f"{STUDY}.2"))
        )
        assert json.loads(done[0].stdout)["instances"] == COUNT
        kept = [each for each in sent if each.SeriesInstanceUID == f"{STUDY}.1"]
        by_uid = {each.SOPInstanceUID: each for each in sent}
        assert {each.SOPInstanceUID for each in kept} <= {each.SOPInstanceUID for each in came}
        assert all(each == by_uid[each.SOPInstanceUID] for each in came)
        # What the sender had read by then came all the same.
        assert last.NumberOfFailedSuboperations or len(came) == len(sent)
        assert (last.NumberOfFailedSuboperations or 0) + len(came) == len(sent)
        assert verified(archive) == {"instances": COUNT, "findings": []}


def test_what_was_deleted_stays_away_and_its_room_is_given_back(
    tmp_path: Path, pacs_index_url: str, store: Store
) -> None:
    """After the end of the archive, a rebuilt index, and another start."""
    config = f'[index]\nurl = "{pacs_index_url}"\n'
    with served(tmp_path / "archive", config=config) as archive:
        for instance in instances():
            store(archive, instance)
        large = make_instance(PatientID="LARGE", NumberOfFrames=30, StudyInstanceUID=f"{STUDY}.9")
        store(archive, large)
        used = room(archive)
        assert delete(archive, "--study", STUDY).returncode == 0
        assert delete(archive, "--patient", "LARGE").returncode == 0
        freed = sum(each["size"] for each in deletions(archive))
        assert room(archive) <= used - freed
        assert archive.stop() == 0
        assert archive.command("reindex").returncode == 0
    with served(tmp_path / "archive", config=config) as archive:
        assert verified(archive) == {"instances": 0, "findings": []}
        assert len(deletions(archive)) == 2


def room(archive: ServedArchive) -> int:
    """Bytes that its objects take on the disk."""
    files = (archive.data / "objects").rglob("*")
    return sum(path.stat().st_blocks for path in files if path.is_file()) * 512


def deletions(archive: ServedArchive) -> list[dict[str, int]]:
    told: list[dict[str, int]] = json.loads(archive.command("deletions", "--json").stdout)
    return told


def test_with_several_workers_stores_and_deletions_take_turns(tmp_path: Path, store: Store) -> None:
    """Workers remember series that another process removes; no store fails because of that."""
    with served(tmp_path / "archive", options=("--workers", "2")) as archive:
        failed: list[int] = []

        def keep_storing() -> None:
            for instance in instances():
                status = store(archive, instance).Status
                if status != Status.SUCCESS:
                    failed.append(status)

        storing = threading.Thread(target=keep_storing)
        storing.start()
        while storing.is_alive():
            delete(archive, "--study", STUDY)
        storing.join()
        assert failed == []
        delete(archive, "--study", STUDY)
        assert verified(archive) == {"instances": 0, "findings": []}
