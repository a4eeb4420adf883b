"""Valid instances of no patient, and the collection that they are kept in, once on each engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_palette_files
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid
from pynetdicom.sop_class import (
    CTDefinedProcedureProtocolStorage,
    GenericImplantTemplateStorage,
    HangingProtocolStorage,
    InventoryStorage,
    ProtocolApprovalStorage,
)

from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.index.entry import DuplicatePolicy
from pacs_non_patient.collection import Collection
from pacs_non_patient.received import Received, received
from pacs_non_patient.tables import NAME, TABLES


def items(*groups: dict[str, object]) -> list[Dataset]:
    """Items of a sequence, by their keywords."""
    return [with_values(Dataset(), **group) for group in groups]


def with_values(dataset: Dataset, **values: object) -> Dataset:
    """The same data set with these."""
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def code(value: str, scheme: str, meaning: str) -> list[Dataset]:
    """A code sequence of one."""
    return items({"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning})


def instance(sop_class: str, **values: object) -> Dataset:
    """An instance with what all of them have; a new UID unless given."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, generate_uid()
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = "20261122", "103000"
    return with_values(dataset, **values)


def make_hanging_protocol(**values: object) -> Dataset:
    """One that dciodvfy finds nothing in (PS3.3 A.44): a chest pair on one screen."""
    selector = {
        "ImageSetSelectorUsageFlag": "NO_MATCH",
        "SelectorAttribute": 0x00180015,
        "SelectorAttributeVR": "CS",
        "SelectorCSValue": "CHEST",
        "SelectorValueNumber": 1,
    }
    time_based = {
        "ImageSetNumber": 1,
        "ImageSetSelectorCategory": "RELATIVE_TIME",
        "RelativeTime": [0, 0],
        "RelativeTimeUnits": "MONTHS",
        "ImageSetLabel": "Current",
    }
    box = {
        "ImageBoxNumber": 1,
        "DisplayEnvironmentSpatialPosition": [0.0, 1.0, 1.0, 0.0],
        "ImageBoxLayoutType": "SINGLE",
    }
    display_set = {
        "DisplaySetNumber": 1,
        "DisplaySetPresentationGroup": 1,
        "ImageSetNumber": 1,
        "ImageBoxesSequence": items(box),
        "FilterOperationsSequence": [],
        "SortingOperationsSequence": [],
        "DisplaySetPresentationGroupDescription": "Current",
        "ShowGrayscaleInverted": "",
        "ShowImageTrueSizeFlag": "",
        "ShowGraphicAnnotationFlag": "",
        "ShowPatientDemographicsFlag": "",
        "ShowAcquisitionTechniquesFlag": "",
        "DisplaySetHorizontalJustification": "",
        "DisplaySetVerticalJustification": "",
    }
    known = {
        "HangingProtocolName": "CHEST",
        "HangingProtocolDescription": "Chest, current alone",
        "HangingProtocolLevel": "SITE",
        "HangingProtocolCreator": "Smith^Ann",
        "HangingProtocolCreationDateTime": "20261122103000",
        "HangingProtocolDefinitionSequence": items(
            {
                "Modality": "CR",
                "ProcedureCodeSequence": [],
                "ReasonForRequestedProcedureCodeSequence": [],
            }
        ),
        "NumberOfPriorsReferenced": 0,
        "HangingProtocolUserIdentificationCodeSequence": [],
        "ImageSetsSequence": items(
            {
                "ImageSetSelectorSequence": items(selector),
                "TimeBasedImageSetsSequence": items(time_based),
            }
        ),
        "NumberOfScreens": 1,
        "NominalScreenDefinitionSequence": items(
            {
                "NumberOfVerticalPixels": 2048,
                "NumberOfHorizontalPixels": 1536,
                "DisplayEnvironmentSpatialPosition": [0.0, 1.0, 1.0, 0.0],
                "ScreenMinimumGrayscaleBitDepth": 8,
            }
        ),
        "DisplaySetsSequence": items(display_set),
        "PartialDataDisplayHandling": "",
    }
    return instance(HangingProtocolStorage, **{**known, **values})


def make_implant_template(**values: object) -> Dataset:
    """The attributes that queries look at, and a mesh of some size (PS3.3 A.61)."""
    known = {
        "Manufacturer": "Hip & Sons",
        "ImplantName": "Stem",
        "ImplantSize": "12",
        "ImplantPartNumber": "HS-12",
        "EffectiveDateTime": "20260101000000",
        "MaterialsCodeSequence": code("261249004", "SCT", "Titanium"),
        "CoatingMaterialsCodeSequence": code("261249004", "SCT", "Titanium"),
        "SurfacePointsSequence": items(
            {"NumberOfSurfacePoints": 5000, "PointCoordinatesData": b"\1" * 60_000}
        ),
    }
    return instance(GenericImplantTemplateStorage, **{**known, **values})


def make_protocol(**values: object) -> Dataset:
    """The attributes that queries look at (PS3.3 A.82.2)."""
    known = {
        "ProtocolName": "Head, routine",
        "ContentCreatorName": "Müller^Käthe",
        "PotentialScheduledProtocolCodeSequence": code("H1", "99SITE", "Head"),
        "PotentialRequestedProcedureCodeSequence": code("P1", "99SITE", "CT of the head"),
        "CustodialOrganizationSequence": items({"InstitutionName": "Clinic"}),
    }
    return instance(CTDefinedProcedureProtocolStorage, **{**known, **values})


def make_approval(protocol: Dataset, **values: object) -> Dataset:
    """One of a protocol (PS3.3 A.82.3)."""
    subject = {
        "ReferencedSOPClassUID": protocol.SOPClassUID,
        "ReferencedSOPInstanceUID": protocol.SOPInstanceUID,
    }
    known = {
        "ApprovalSubjectSequence": items(subject),
        "ApprovalSequence": items(
            {
                "AssertionCodeSequence": code("128603", "DCM", "Approved for use"),
                "AssertionUID": generate_uid(),
                "AssertionDateTime": "20261122103000",
            }
        ),
    }
    return instance(ProtocolApprovalStorage, **{**known, **values})


def make_inventory(**values: object) -> Dataset:
    """One of a single study (PS3.3 A.88)."""
    study = {"PatientName": "Doe^John", "PatientID": "P1", "StudyInstanceUID": "1.2.3"}
    known = {
        "InventoryLevel": "STUDY",
        "InventoryPurpose": "migration",
        "ContentDate": "20261122",
        "InventoriedStudiesSequence": items(study),
    }
    return instance(InventoryStorage, **{**known, **values})


@pytest.fixture(scope="session")
def hanging_protocol() -> Callable[..., Dataset]:
    """Makes a hanging protocol; attributes by keyword."""
    return make_hanging_protocol


@pytest.fixture(scope="session")
def palette_files() -> list[Path]:
    """The color palettes of the standard, as pydicom brings them."""
    return sorted(Path(name) for name in get_palette_files("*.dcm"))


@pytest.fixture(scope="session")
def palettes(palette_files) -> list[Dataset]:
    """Two of them, whose tables are not segmented."""
    return [dcmread(path) for path in palette_files if path.stem.startswith("hot")]


@pytest.fixture(scope="session")
def one_of_each(palettes) -> list[Dataset]:
    """One instance of each category."""
    protocol = make_protocol()
    return [
        make_hanging_protocol(),
        palettes[0],
        make_implant_template(),
        protocol,
        make_approval(protocol),
        make_inventory(),
    ]


def encoded(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The data set alone."""
    return encode_identifier(dataset, syntax)


def meta_of(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> FileMeta:
    """What a sender announces."""
    return FileMeta(
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        transfer_syntax_uid=str(UID(syntax)),
    )


@pytest.fixture(scope="session")
def arrived() -> Callable[..., Received]:
    """An instance as it is taken in."""

    def look(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> Received:
        return received(meta_of(dataset, syntax), encoded(dataset, syntax))

    return look


@pytest.fixture
def collection(pacs_tables, pacs_index_url: str) -> Callable[..., Collection]:
    """The collection, with a policy; once on each engine."""
    tables = pacs_tables(TABLES, NAME, index_url=pacs_index_url)
    return lambda policy=DuplicatePolicy.IGNORE: Collection(tables, policy)
