"""A small archive to ask questions of, filled through the archive's own door, on each engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.candidates import text_element
from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.query import Matches
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.index.database import open_database
from pacs_framework.testing.memory_storage import MemoryStorage

ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"


def keys(**wanted: str) -> Dataset:
    """An identifier as it arrives, whatever its values hold."""
    identifier = Dataset()
    for keyword, text in wanted.items():
        tag = tag_for_keyword(keyword)
        identifier[tag] = text_element(tag, dictionary_VR(tag), text)
    return identifier


def instance(uid: str, *, sop_class: str = CTImageStorage, **attributes: str) -> Dataset:
    """An instance ``study.series.number`` with the UIDs that follow from it."""
    study, series, number = uid.split(".")
    values = {
        "PatientID": "P1",
        "PatientName": "Doe^John",
        "StudyInstanceUID": f"1.2.{study}",
        "SeriesInstanceUID": f"1.2.{study}.{series}",
        "SOPInstanceUID": f"1.2.{study}.{series}.{number}",
        "SOPClassUID": str(sop_class),
        "Modality": "CT",
        "InstanceNumber": number,
        **attributes,
    }
    return keys(**values)


@dataclass
class Filled:
    """An archive in memory, and how to put instances in and ask for them."""

    archive: Archive
    storage: MemoryStorage
    steps: list[str]  # what the storage was asked to do

    keys = staticmethod(keys)
    instance = staticmethod(instance)

    def store(
        self, dataset: Dataset, syntax: str = ExplicitVRLittleEndian, *, sender: str = ""
    ) -> None:
        meta = FileMeta(
            sop_class_uid=str(dataset.SOPClassUID),
            sop_instance_uid=str(dataset.SOPInstanceUID),
            transfer_syntax_uid=str(syntax),
        )
        origin = Origin(door="test", calling_aet=sender)
        with self.archive.receive(origin, meta) as reception:
            reception.write(encode_identifier(dataset, meta.transfer_syntax_uid))
            reception.commit()

    def find(self, level: Level, root: Root = Root.STUDY, **options: object) -> Matches:
        identifier = options.pop("identifier", None) or keys(**options.pop("keys", {}))
        return self.archive.query.find(level, root, identifier, **options)

    def values(
        self, level: Level, answer: str, root: Root = Root.STUDY, **wanted: str
    ) -> list[str]:
        """The sorted values of one attribute over all matches."""
        found = self.archive.query.find(level, root, keys(**{answer: ""} | wanted), relational=True)
        return sorted(str(match[answer].value or "") for match in found)


def population() -> Iterator[Dataset]:
    """Six patients, two of one Patient ID; the studies are numbered through."""
    first = {
        "StudyDate": "20200115",
        "StudyTime": "103000",
        "AccessionNumber": "A1",
        "StudyID": "S1",
    }
    first |= {"StudyDescription": "CT Head", "PatientBirthDate": "19700101", "PatientSex": "M"}
    first |= {"ReferringPhysicianName": "House^Gregory", "ManufacturerModelName": "Scanner 3000"}
    ct = instance("1.1.1", SeriesNumber="1", **first)
    step = keys(ScheduledProcedureStepID="SPS1", RequestedProcedureID="RP1")
    ct.RequestAttributesSequence = [step]
    yield ct
    yield instance("1.1.2", SeriesNumber="1", **first)
    yield instance(
        "1.2.1", sop_class=ENHANCED_SR, **first | {"Modality": "SR", "SeriesNumber": "02"}
    )
    second = {
        "StudyDate": "20210620",
        "StudyTime": "2359",
        "AccessionNumber": "A2",
        "Modality": "MR",
    }
    yield instance("2.1.1", sop_class=MRImageStorage, StudyID="S2", **second)
    third = {"PatientID": "P2", "PatientName": "Doe^Jane^^^", "PatientBirthDate": "1980.02.03"}
    yield instance("3.1.1", StudyDate="2020.01.20", StudyTime="10:45:00", StudyID="S?", **third)
    yield instance(
        "4.1.1",
        SpecificCharacterSet="\\ISO 2022 IR 87",
        PatientID="P3",
        PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
        StudyDate="20200116",
        StudyTime="0930",
    )
    yield instance(
        "5.1.1",
        SpecificCharacterSet="ISO_IR 100",
        PatientID="P4",
        PatientName="Müller^Jürgen",
        ReferringPhysicianName="Groß^Änne",
        StudyDescription="Schädel",
        StudyDate="20220101",
    )
    bare = {"PatientID": "P5", "PatientName": "O'Neil_100%^X", "Modality": ""}
    yield instance("6.1.1", **bare)
    yield instance("7.1.1", IssuerOfPatientID="ELSEWHERE", PatientName="Other^Person")


@pytest.fixture(
    scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Filled]:
    """The population in an archive that no test changes."""
    folder = tmp_path_factory.mktemp("filled")
    url = f"sqlite:///{folder / 'index.db'}"
    if request.param == "postgresql":
        server = request.getfixturevalue("_pacs_postgres_server")  # `pacs_postgres` is for one test
        url = server.new_database(lasting=True)
    with opened(url, folder, population()) as made:
        made.values(Level.STUDY, "StudyDate")  # opens the connection that all tests share
        yield made


@pytest.fixture
def empty(pacs_index_url: str, tmp_path: Path) -> Iterator[Filled]:
    """An archive of one's own."""
    with opened(pacs_index_url, tmp_path) as made:
        yield made


@contextmanager
def opened(
    url: str, folder: Path, content: Iterable[Dataset] = (), **options: object
) -> Iterator[Filled]:
    steps: list[str] = []
    storage = MemoryStorage(before=steps.append)
    with closing(open_database(url)) as database:
        archive = Archive(database=database, storage=storage, data=folder, **options)
        with closing(archive):
            made = Filled(archive=archive, storage=storage, steps=steps)
            for dataset in content:
                made.store(dataset)
            yield made


@pytest.fixture
def open_archive():
    """Opens an archive with options of one's own."""
    return opened


@pytest.fixture(name="keys")
def keys_fixture():
    """Makes an identifier."""
    return keys
