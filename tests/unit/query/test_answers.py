"""What an answer holds: every key that was asked for, from wherever it is known."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.dicom.identifier import decode_identifier, encode_identifier


def only(matches):
    found = list(matches)
    assert len(found) == 1
    return found[0]


def ask(filled, level, root=Root.STUDY, retrieve_aet="", **wanted):
    query = filled.archive.query
    identifier = filled.keys(**wanted)
    return only(query.find(level, root, identifier, relational=True, retrieve_aet=retrieve_aet))


def test_an_answer_holds_every_key_that_was_asked_for_and_no_other(filled):
    answer = ask(
        filled,
        Level.STUDY,
        StudyInstanceUID="1.2.6",
        StudyDate="",
        PatientName="",
        StudyComments="",
        RequestedProcedureCodeSequence="",
        NumberOfStudyRelatedInstances="",
    )
    asked = ["StudyDate", "QueryRetrieveLevel", "PatientName", "StudyInstanceUID", "StudyComments"]
    asked += ["RequestedProcedureCodeSequence", "NumberOfStudyRelatedInstances"]
    assert sorted(answer.dir()) == sorted(asked)
    assert answer.QueryRetrieveLevel == "STUDY"
    assert answer.PatientName == "O'Neil_100%^X"
    assert answer["StudyDate"].is_empty
    assert answer["StudyComments"].is_empty
    assert len(answer.RequestedProcedureCodeSequence) == 0


def test_values_are_answered_as_they_were_stored(filled):
    answer = ask(filled, Level.STUDY, StudyInstanceUID="1.2.3", StudyDate="", PatientName="")
    assert answer.StudyDate == "2020.01.20"
    assert str(answer.PatientName) == "Doe^Jane^^^"


def test_counts_are_those_of_each_level(filled):
    """PS3.4 C.3.4: the number of entities below."""
    patient = ask(
        filled,
        Level.PATIENT,
        Root.PATIENT,
        PatientID="P1",
        PatientName="doe*",
        NumberOfPatientRelatedStudies="",
        NumberOfPatientRelatedSeries="",
        NumberOfPatientRelatedInstances="",
    )
    assert patient.NumberOfPatientRelatedStudies == 2
    assert patient.NumberOfPatientRelatedSeries == 3
    assert patient.NumberOfPatientRelatedInstances == 4
    study = ask(
        filled,
        Level.STUDY,
        StudyInstanceUID="1.2.1",
        NumberOfPatientRelatedStudies="",
        NumberOfStudyRelatedSeries="",
        NumberOfStudyRelatedInstances="",
    )
    assert study.NumberOfPatientRelatedStudies == 2
    assert study.NumberOfStudyRelatedSeries == 2
    assert study.NumberOfStudyRelatedInstances == 3
    series = ask(
        filled,
        Level.SERIES,
        SeriesInstanceUID="1.2.1.1",
        NumberOfSeriesRelatedInstances="",
        NumberOfStudyRelatedInstances="",
    )
    assert series.NumberOfSeriesRelatedInstances == 2
    assert series.NumberOfStudyRelatedInstances == 3


def test_lists_hold_every_value_below_the_study(filled):
    study = ask(
        filled, Level.STUDY, StudyInstanceUID="1.2.1", ModalitiesInStudy="", SOPClassesInStudy=""
    )
    assert list(study.ModalitiesInStudy) == ["CT", "SR"]
    assert sorted(study.SOPClassesInStudy) == [
        "1.2.840.10008.5.1.4.1.1.2",
        "1.2.840.10008.5.1.4.1.1.88.22",
    ]
    bare = ask(filled, Level.STUDY, StudyInstanceUID="1.2.6", ModalitiesInStudy="")
    assert bare["ModalitiesInStudy"].is_empty


def test_of_uids_below_the_level_those_that_were_asked_for_are_answered(filled):
    """Every UID below a study could be very many."""
    asked = "1.2.1.1.2\\9.9\\1.2.1.2.1"
    study = ask(filled, Level.STUDY, StudyInstanceUID="", SOPInstanceUID=asked)
    assert study.StudyInstanceUID == "1.2.1"
    assert list(study.SOPInstanceUID) == ["1.2.1.1.2", "1.2.1.2.1"]


def test_where_an_instance_is_and_how_it_is_encoded(filled):
    image = ask(
        filled,
        Level.IMAGE,
        retrieve_aet="PACS",
        SOPInstanceUID="1.2.1.1.1",
        InstanceAvailability="",
        AvailableTransferSyntaxUID="",
        SOPClassUID="",
        InstanceNumber="",
    )
    assert image.RetrieveAETitle == "PACS"
    assert image.InstanceAvailability == "ONLINE"
    assert image.AvailableTransferSyntaxUID == ExplicitVRLittleEndian
    assert image.InstanceNumber == 1


def test_other_attributes_come_from_the_header_of_the_first_instance(filled):
    answer = ask(filled, Level.STUDY, StudyInstanceUID="1.2.1", ManufacturerModelName="")
    assert answer.ManufacturerModelName == "Scanner 3000"


def test_no_object_is_opened_for_what_the_index_knows(filled):
    filled.steps.clear()
    ask(filled, Level.STUDY, StudyInstanceUID="1.2.1", StudyDate="", ModalitiesInStudy="")
    assert filled.steps == []


def test_of_a_sequence_the_keys_that_are_asked_for_are_answered(filled):
    """PS3.4 C.2.2.2.6."""
    identifier = filled.keys(SOPInstanceUID="", SeriesInstanceUID="")
    identifier.RequestAttributesSequence = [filled.keys(ScheduledProcedureStepID="SPS*")]
    answer = only(filled.archive.query.find(Level.IMAGE, Root.STUDY, identifier, relational=True))
    assert answer.SOPInstanceUID == "1.2.1.1.1"
    item = only(answer.RequestAttributesSequence)
    assert item.dir() == ["ScheduledProcedureStepID"]
    assert item.ScheduledProcedureStepID == "SPS1"


def test_a_sequence_without_keys_is_answered_whole(filled):
    identifier = filled.keys(SOPInstanceUID="1.2.1.1.1", RequestAttributesSequence="")
    answer = only(filled.archive.query.find(Level.IMAGE, Root.STUDY, identifier, relational=True))
    item = only(answer.RequestAttributesSequence)
    assert (item.ScheduledProcedureStepID, item.RequestedProcedureID) == ("SPS1", "RP1")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize(
    ("asked_in", "uid", "name", "answered_in"),
    [
        ("", "1.2.1", "Doe^John", None),
        ("", "1.2.5", "Müller^Jürgen", "ISO_IR 100"),
        ("ISO_IR 192", "1.2.5", "Müller^Jürgen", "ISO_IR 192"),
        ("ISO_IR 100", "1.2.4", "Yamada^Tarou=山田^太郎=やまだ^たろう", "ISO_IR 192"),
        (
            "\\ISO 2022 IR 87",
            "1.2.4",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
            ["", "ISO 2022 IR 87"],
        ),
        ("\\ISO 2022 IR 87", "1.2.5", "Müller^Jürgen", "ISO_IR 100"),
    ],
)
def test_an_answer_comes_in_a_character_set_that_carries_it(
    filled, asked_in, uid, name, answered_in, syntax
):
    """The request's where that is enough, another where it is not (PS3.3 C.12.1.1.2)."""
    answer = ask(
        filled, Level.STUDY, SpecificCharacterSet=asked_in, StudyInstanceUID=uid, PatientName=""
    )
    arrived = decode_identifier(encode_identifier(answer, syntax), syntax)
    assert arrived.PatientName == name
    declared = arrived.get("SpecificCharacterSet")
    assert (declared if isinstance(declared, str | None) else list(declared)) == answered_in


def test_text_from_a_header_is_decoded_by_its_own_character_set(empty):
    instance = empty.instance("1.1.1", SpecificCharacterSet="ISO_IR 100", ImageComments="über")
    inner = empty.keys(SpecificCharacterSet="ISO_IR 144", CodeMeaning="Я")
    instance.ProcedureCodeSequence = [inner, empty.keys(CodeMeaning="ä")]
    empty.store(instance)
    answer = ask(empty, Level.IMAGE, SOPInstanceUID="", ImageComments="", ProcedureCodeSequence="")
    assert answer.SpecificCharacterSet == "ISO_IR 192"
    assert answer.ImageComments == "über"
    assert [item.CodeMeaning for item in answer.ProcedureCodeSequence] == ["Я", "ä"]


def test_keys_that_nothing_can_answer_come_back_empty_and_are_told(filled):
    """FF01H of C-FIND (PS3.4 C.4.1.1.4)."""
    identifier = filled.keys(StudyInstanceUID="1.2.1", SeriesInstanceUID="", PixelData="")
    identifier.add(DataElement(0x00091010, "LO", "private without a creator"))
    matches = filled.archive.query.find(Level.STUDY, Root.STUDY, identifier)
    assert not matches.all_keys_supported
    answer = only(matches)
    for tag in (0x0020000E, 0x7FE00010, 0x00091010):
        assert answer[tag].is_empty


def test_keys_that_are_all_known_are_told_to_be(filled):
    identifier = filled.keys(StudyInstanceUID="1.2.1", ManufacturerModelName="", StudyDate="")
    assert filled.archive.query.find(Level.STUDY, Root.STUDY, identifier).all_keys_supported


def private(block, creator, text):
    dataset = Dataset()
    dataset.add(DataElement(0x00090010 + block, "LO", creator))
    dataset.add(DataElement(0x00090000 + ((0x10 + block) << 8) + 1, "LO", text))
    return dataset


@pytest.mark.parametrize(("creator", "answered"), [("ACME 1.0", "secret"), ("OTHER", "")])
def test_a_private_key_is_answered_for_its_creator_alone(empty, creator, answered):
    """PS3.5 7.8.1."""
    instance = empty.instance("1.1.1")
    instance.update(private(0, "ACME 1.0", "secret"))
    empty.store(instance)
    identifier = empty.keys(SOPInstanceUID="")
    identifier.update(private(0, creator, ""))
    answer = only(empty.archive.query.find(Level.IMAGE, Root.STUDY, identifier, relational=True))
    assert (answer[0x00091001].value or "") == answered
    assert answer[0x00090010].value == creator


SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_headers_are_read_in_every_uncompressed_transfer_syntax(empty, syntax):
    """Also behind an element that is longer than the first read, and with numbers."""
    instance = empty.instance("1.1.1", ImageComments="late", StudyComments="x" * 5000)
    instance.EncapsulatedDocument = b"\0" * 100_000
    instance.add(DataElement(0x00091010, "OB", b"\1" * 100_000))
    instance.add(DataElement(0x00090010, "LO", "ACME"))
    instance.PixelRepresentation = 1
    instance.SmallestImagePixelValue = -5
    instance["SmallestImagePixelValue"].VR = "SS"
    empty.store(instance, syntax)
    answer = ask(
        empty,
        Level.IMAGE,
        SOPInstanceUID="",
        ImageComments="",
        StudyComments="",
        PixelRepresentation="",
        SmallestImagePixelValue="",
    )
    assert answer.ImageComments == "late"
    assert answer.StudyComments == "x" * 5000
    assert answer.PixelRepresentation == 1
    assert answer.SmallestImagePixelValue == -5
    encode_identifier(answer, ExplicitVRLittleEndian)


def test_an_object_that_cannot_be_read_leaves_its_keys_empty(empty):
    """One broken object does not end a query over the others."""
    empty.store(empty.instance("1.1.1", ImageComments="gone"))
    empty.store(empty.instance("1.1.2", ImageComments="there"))
    lost = next(key for key in empty.storage.objects if key.startswith("1.2.1.1.1/"))
    empty.storage.delete(lost)
    identifier = empty.keys(SOPInstanceUID="", ImageComments="")
    found = empty.archive.query.find(Level.IMAGE, Root.STUDY, identifier, relational=True)
    comments = {match.SOPInstanceUID: match.ImageComments or "" for match in found}
    assert comments == {"1.2.1.1.1": "", "1.2.1.1.2": "there"}
