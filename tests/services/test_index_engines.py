"""``pacs serve`` on each index engine, with pynetdicom: store, find, get, verify, reindex."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from pydicom import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
)

from pacs_framework.dicom.status import Status
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served

Store = Callable[[ServedArchive, Dataset], Dataset]


def test_an_archive_stores_finds_gives_back_and_accounts_for_itself(
    tmp_path: Path, pacs_index_url: str, store: Store
) -> None:
    with served(tmp_path / "archive", config=f'[index]\nurl = "{pacs_index_url}"\n') as archive:
        instances = [make_instance(PatientID=f"P{number}") for number in range(3)]
        for instance in instances:
            assert store(archive, instance).Status == Status.SUCCESS
        assert found(archive) == {"P0", "P1", "P2"}
        assert got(archive, instances[1]) == [instances[1]]
        assert archive.stop() == 0
        done = archive.command("reindex")
        assert done.returncode == 0, done.stderr
    with served(tmp_path / "archive", config=f'[index]\nurl = "{pacs_index_url}"\n') as archive:
        assert found(archive) == {"P0", "P1", "P2"}
        done = archive.command("verify", "--json")
        assert json.loads(done.stdout) == {"instances": 3, "findings": []}


def found(archive: ServedArchive) -> set[str]:
    ae = AE()
    ae.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
    association = ae.associate(archive.host, archive.port, ae_title=archive.aet)
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.PatientID = ""
    model = StudyRootQueryRetrieveInformationModelFind
    answers = [answer for _, answer in association.send_c_find(query, model) if answer]
    association.release()
    return {answer.PatientID for answer in answers}


def got(archive: ServedArchive, instance: Dataset) -> list[Dataset]:
    """C-GET of one study."""
    received: list[Dataset] = []

    def keep(event: evt.Event) -> int:
        received.append(event.dataset)
        return 0x0000

    ae = AE()
    model = StudyRootQueryRetrieveInformationModelGet
    ae.add_requested_context(model)
    ae.add_requested_context(CTImageStorage, instance.file_meta.TransferSyntaxUID)
    association = ae.associate(
        archive.host,
        archive.port,
        ae_title=archive.aet,
        ext_neg=[build_role(CTImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, keep)],
    )
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.StudyInstanceUID = instance.StudyInstanceUID
    statuses = [status.Status for status, _ in association.send_c_get(query, model)]
    association.release()
    assert statuses[-1] == Status.SUCCESS
    return received
