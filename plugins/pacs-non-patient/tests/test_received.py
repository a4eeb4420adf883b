"""What arrives: taken where it is what it says, refused with a reason where it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom import Dataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.packed import unpack
from pacs_framework.errors import InstanceError, MismatchedInstance, UnreadableInstance
from pacs_framework.testing.instances import make_instance
from pacs_non_patient.categories import BY_CATEGORY, BY_CLASS, MODELS
from pacs_non_patient.received import Gathering, TooLarge, received

EXPLICIT = "1.2.840.10008.1.2.1"


def announced(dataset: Dataset, syntax: str = EXPLICIT) -> FileMeta:
    return FileMeta(
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        transfer_syntax_uid=syntax,
    )


@pytest.mark.parametrize(
    "syntax",
    [EXPLICIT, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
def test_each_kind_is_taken_as_it_is_in_every_uncompressed_syntax(one_of_each, arrived, syntax):
    """Byte for byte; what queries look at is the same whatever it came in."""
    for dataset in one_of_each:
        new = arrived(dataset, syntax)
        assert new.dataset == encode_identifier(dataset, syntax)
        seen = unpack(new.attributes)
        label = BY_CLASS[new.sop_class_uid].label
        assert str(seen.get(label)) == str(dataset.get(label)), label


def test_meshes_and_records_of_studies_are_not_for_queries(one_of_each, arrived):
    """Of palettes the tables are: they are short."""
    by_class = {BY_CLASS[str(each.SOPClassUID)].name: each for each in one_of_each}
    seen = {name: unpack(arrived(each).attributes) for name, each in by_class.items()}
    (surface,) = seen["Generic Implant Template"].SurfacePointsSequence
    assert "NumberOfSurfacePoints" in surface
    assert "PointCoordinatesData" not in surface
    assert "InventoriedStudiesSequence" not in seen["Inventory"]
    assert seen["Inventory"].InventoryPurpose == "migration"
    assert len(seen["Color Palette"].RedPaletteColorLookupTableData) == 256


def test_an_instance_of_a_patient_is_none():
    instance = make_instance(SOPClassUID=CTImageStorage)
    with pytest.raises(MismatchedInstance, match="instances of patients are stored with their"):
        received(announced(instance), encode_identifier(instance, EXPLICIT))


@pytest.mark.parametrize("keyword", ["SOPClassUID", "SOPInstanceUID"])
@pytest.mark.parametrize("value", [None, "", "1.2.x", "1.2.3"])
def test_one_that_is_not_what_was_announced_is_refused(hanging_protocol, keyword, value):
    """Absent, empty, no UID, another one."""
    dataset = hanging_protocol()
    meta = announced(dataset)
    if value is None:
        del dataset[keyword]
    else:
        setattr(dataset, keyword, value)
    with pytest.raises(MismatchedInstance, match=f"{keyword} of the data set is"):
        received(meta, encode_identifier(dataset, EXPLICIT))


def test_pixel_data_syntaxes_are_refused(hanging_protocol):
    dataset = hanging_protocol()
    meta = replace(announced(dataset), transfer_syntax_uid=str(JPEGBaseline8Bit))
    with pytest.raises(UnreadableInstance, match="is for pixel data"):
        received(meta, encode_identifier(dataset, EXPLICIT))


def test_one_that_is_cut_anywhere_is_refused_and_nothing_else_happens(hanging_protocol):
    """At every byte: it cannot be read, lacks a UID, or ended where an element does."""
    dataset = hanging_protocol()
    whole, meta = encode_identifier(dataset, EXPLICIT), announced(dataset)
    refused = 0
    for end in range(0, len(whole), 7):
        try:
            received(meta, whole[:end])
        except InstanceError:
            refused += 1
    assert refused > len(whole) // 7 - 30  # between elements at the top nobody can tell


@pytest.mark.parametrize(
    "junk", [b"", b"\0" * 64, b"%PDF-1.7 and so on, no data set at all", b"\xff" * 99]
)
def test_what_is_no_data_set_is_refused(hanging_protocol, junk):
    with pytest.raises(InstanceError):
        received(announced(hanging_protocol()), junk)


def test_bytes_beyond_the_limit_are_not_gathered():
    """The last that fit are; one more is not, and says which setting it was."""
    data = Gathering(10)
    data.take(b"12345")
    data.take(memoryview(b"67890"))
    with pytest.raises(TooLarge, match=r"larger than 10 bytes .* max_size"):
        data.take(b"1")
    assert data.whole() == b"1234567890"


def test_every_category_has_addresses_of_the_standard():
    """PS3.18 12.1.1, and CP-2551."""
    assert sorted(BY_CATEGORY) == [
        "color-palettes",
        "defined-procedure-protocols",
        "hanging-protocols",
        "implant-templates",
        "inventories",
        "protocol-approvals",
    ]
    services = [uid for model in MODELS for uid in (model.find, model.move, model.get)]
    assert len(set(services)) == len(services) == 3 * len(MODELS)
