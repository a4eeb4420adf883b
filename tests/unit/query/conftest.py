"""A small archive to ask questions of, filled through the archive's own door, on each engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.filewriter import write_dataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.candidates import text_element
from pacs_framework.archive.incoming import FileMeta, Origin
from pacs_framework.archive.query import Matches
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.index.database import open_database
from pacs_framework.testing.memory_storage import MemoryStorage

ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"


@dataclass
class Filled:
    """An archive in memory, and how to put instances in and ask for them."""

    archive: Archive
    storage: MemoryStorage

    def store(self, dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> None:
        meta = FileMeta(
            sop_class_uid=str(dataset.SOPClassUID),
            sop_instance_uid=str(dataset.SOPInstanceUID),
            transfer_syntax_uid=str(syntax),
        )
        with self.archive.receive(Origin(door="test"), meta) as reception:
            reception.write(encoded(dataset))
            reception.commit()

    def find(self, level: Level, root: Root = Root.STUDY, **options: object) -> Matches:
        identifier = options.pop("identifier", None) or keys(**options.pop("keys", {}))
        return self.archive.query.find(level, root, identifier, **options)

    def values(self, level: Level, answer: str, root: Root = Root.STUDY, **wanted: str) -> list[str]:
        """The sorted values of one attribute over all matches."""
        found = self.archive.query.find(level, root, keys(**{answer: ""} | wanted), relational=True)
        return sorted(str(match[answer].value or "") for match in found)


def keys(**wanted: str) -> Dataset:
    """An identifier as it arrives, whatever its values hold."""
    identifier = Dataset()
    for keyword, text in wanted.items():
        tag = tag_for_keyword(keyword)
        identifier[tag] = text_element(tag, dictionary_VR(tag), text)
    return identifier


def encoded(dataset: Dataset) -> bytes:
    target = DicomBytesIO()
    target.is_implicit_VR, target.is_little_endian = False, True
    write_dataset(target, dataset)
    return target.getvalue()


def instance(uid: str, *, sop_class: str = CTImageStorage, **attributes: str) -> Dataset:
    """An instance ``study.series.number`` with the UIDs that follow from it."""
    study, series, number = uid.split(".")
    dataset = Dataset()
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
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def population() -> Iterator[Dataset]:
    """Six patients, two of one Patient ID; the studies are numbered through."""
    first = {"StudyDate": "20200115", "StudyTime": "103000", "AccessionNumber": "A1", "StudyID": "S1"}
    first |= {"StudyDescription": "CT Head", "PatientBirthDate": "19700101", "PatientSex": "M"}
    first |= {"ReferringPhysicianName": "House^Gregory", "ManufacturerModelName": "Scanner 3000"}
    ct = instance("1.1.1", SeriesNumber="1", **first)
    step = Dataset()
    step.ScheduledProcedureStepID, step.RequestedProcedureID = "SPS1", "RP1"
    ct.RequestAttributesSequence = [step]
    yield ct
    yield instance("1.1.2", SeriesNumber="1", **first)
    yield instance("1.2.1", sop_class=ENHANCED_SR, **first | {"Modality": "SR", "SeriesNumber": "02"})
    second = {"StudyDate": "20210620", "StudyTime": "2359", "AccessionNumber": "A2", "Modality": "MR"}
    yield instance("2.1.1", sop_class=MRImageStorage, StudyID="S2", **second)
    third = {"PatientID": "P2", "PatientName": "Doe^Jane^^^", "PatientBirthDate": "1980.02.03"}
    yield instance("3.1.1", StudyDate="2020.01.20", StudyTime="10:45:00", StudyID="S?", **third)
    japanese = instance("4.1.1", PatientID="P3", StudyDate="20200116", StudyTime="0930")
    japanese.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    japanese.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    yield japanese
    latin = instance("5.1.1", PatientID="P4", StudyDescription="Schädel", StudyDate="20220101")
    latin.SpecificCharacterSet = "ISO_IR 100"
    latin.PatientName = "Müller^Jürgen"
    latin.ReferringPhysicianName = "Groß^Änne"
    yield latin
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
        url = request.getfixturevalue("postgres").new_database()
    yield from opened(url, folder, population)


@pytest.fixture
def empty(index_url: str, tmp_path: Path) -> Iterator[Filled]:
    """An archive of one's own."""
    yield from opened(index_url, tmp_path, lambda: iter(()))


def opened(url: str, folder: Path, content: Callable[[], Iterator[Dataset]]) -> Iterator[Filled]:
    database = open_database(url)
    storage = MemoryStorage()
    archive = Archive(database=database, storage=storage, data=folder)
    made = Filled(archive=archive, storage=storage)
    for dataset in content():
        made.store(dataset)
    yield made
    archive.close()
    database.close()
