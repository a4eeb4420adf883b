"""Which instances a retrieval means, and how they are opened (PS3.4 C.4.2.2, C.4.3.2)."""

from __future__ import annotations

import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.dicom.file_meta import InstanceKind
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.errors import ObjectNotFound, QueryError
from pacs_framework.index.entry import DuplicatePolicy

P, ST, SE, IM = Level.PATIENT, Level.STUDY, Level.SERIES, Level.IMAGE


def uids(filled, level, root=Root.STUDY, relational=False, **wanted):
    identifier = filled.keys(**wanted)
    located = filled.archive.retrieve.locate(level, root, identifier, relational=relational)
    found = sorted(stored.sop_instance_uid for stored in located)
    assert len(found) == len(located)
    return found


@pytest.mark.parametrize(
    ("level", "wanted", "found"),
    [
        (P, {"PatientID": "P2"}, ["1.2.3.1.1"]),
        (P, {"PatientID": "P1", "IssuerOfPatientID": "ELSEWHERE"}, ["1.2.7.1.1"]),
        (P, {"PatientID": "P*"}, []),
        (
            ST,
            {"PatientID": "P1", "StudyInstanceUID": "1.2.1"},
            ["1.2.1.1.1", "1.2.1.1.2", "1.2.1.2.1"],
        ),
        (
            ST,
            {"PatientID": "P1", "StudyInstanceUID": "1.2.2\\1.2.7"},
            ["1.2.2.1.1", "1.2.7.1.1"],
        ),
        (ST, {"PatientID": "P2", "StudyInstanceUID": "1.2.1"}, []),
        (
            SE,
            {"PatientID": "P1", "StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1.2.1.1"},
            ["1.2.1.1.1", "1.2.1.1.2"],
        ),
        (
            IM,
            {
                "PatientID": "P1",
                "StudyInstanceUID": "1.2.1",
                "SeriesInstanceUID": "1.2.1.1",
                "SOPInstanceUID": "1.2.1.1.2\\1.2.1.2.1\\9",
            },
            ["1.2.1.1.2"],
        ),
    ],
)
def test_entities_of_each_level_are_named_by_their_unique_keys(filled, level, wanted, found):
    assert uids(filled, level, Root.PATIENT, **wanted) == found


def test_relational_retrieval_needs_the_unique_key_of_its_level_alone(filled):
    """PS3.4 C.4.2.2.2."""
    listed = "1.2.1.1.2\\1.2.4.1.1"
    assert uids(filled, IM, relational=True, SOPInstanceUID=listed) == listed.split("\\")
    with pytest.raises(QueryError, match="needs one value in StudyInstanceUID"):
        uids(filled, IM, SOPInstanceUID=listed)


@pytest.mark.parametrize(
    ("level", "wanted", "complaint"),
    [
        (ST, {}, "StudyInstanceUID has no value in a STUDY retrieval"),
        (ST, {"StudyInstanceUID": ""}, "StudyInstanceUID has no value in a STUDY retrieval"),
        (P, {"PatientID": "P1"}, "no Query/Retrieve Level 'PATIENT' in Study Root"),
        (ST, {"StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1"}, "SeriesInstanceUID has a"),
    ],
)
def test_a_retrieval_that_names_nothing_is_refused(filled, level, wanted, complaint):
    """Never everything: an empty unique key is an error (A900H)."""
    with pytest.raises(QueryError, match=complaint):
        uids(filled, level, **wanted)


def test_instances_are_counted_by_kind_before_they_are_read(filled):
    located = filled.archive.retrieve.locate(ST, Root.STUDY, filled.keys(StudyInstanceUID="1.2.1"))
    syntax = str(ExplicitVRLittleEndian)
    image = InstanceKind(sop_class_uid=str(CTImageStorage), transfer_syntax_uid=syntax)
    assert len(located) == 3
    assert located.kinds[image] == 2


def test_the_data_set_is_opened_from_its_first_byte(empty):
    dataset = empty.instance("1.1.1", ImageComments="here")
    empty.store(dataset, ImplicitVRLittleEndian)
    located = empty.archive.retrieve.locate(ST, Root.STUDY, empty.keys(StudyInstanceUID="1.2.1"))
    (stored,) = located
    with empty.archive.retrieve.open(stored).data as data:
        assert data.read() == encode_identifier(dataset, ImplicitVRLittleEndian)


def test_what_took_the_place_of_an_instance_is_opened_and_named(empty_replacing):
    """Its transfer syntax may differ from that of the one that was located."""
    archive = empty_replacing
    archive.store(archive.instance("1.1.1", ImageComments="old"))
    (stored,) = archive.archive.retrieve.locate(
        ST, Root.STUDY, archive.keys(StudyInstanceUID="1.2.1")
    )
    archive.store(archive.instance("1.1.1", ImageComments="new"), ImplicitVRLittleEndian)
    opened = archive.archive.retrieve.open(stored)
    assert opened.instance.transfer_syntax_uid == ImplicitVRLittleEndian
    assert b"new" in opened.data.read()


def test_an_instance_without_an_object_is_an_error(empty):
    empty.store(empty.instance("1.1.1"))
    (stored,) = empty.archive.retrieve.locate(ST, Root.STUDY, empty.keys(StudyInstanceUID="1.2.1"))
    empty.storage.delete(stored.storage_key)
    with pytest.raises(ObjectNotFound):
        empty.archive.retrieve.open(stored)


@pytest.fixture
def empty_replacing(open_archive, pacs_index_url, tmp_path):
    with open_archive(pacs_index_url, tmp_path, duplicates=DuplicatePolicy.REPLACE) as made:
        yield made
