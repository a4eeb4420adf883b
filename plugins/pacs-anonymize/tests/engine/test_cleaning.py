"""What C means: texts, codes, content trees, graphics; and documents, which cannot be cleaned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from pacs_anonymize.engine.dates import shifted_time
from pacs_anonymize.engine.documents import empty_document
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.words import cleaned, is_word

DESCRIPTORS = Option.CLEAN_DESCRIPTORS
CONTENT = Option.CLEAN_STRUCTURED_CONTENT
GRAPHICS = Option.CLEAN_GRAPHICS
NOBODY = frozenset()


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("CT chest abdomen pelvis - 55F Dr. Smith", "CT chest abdomen pelvis"),
        ("AX T2_FLAIR 3mm", "AX T2 FLAIR 3mm"),
        ("t1_mprage_sag 1.5 mm iso", "t1 mprage sag 1.5 mm iso"),
        ("room 12, scan 555 1234", "room scan"),
        ("scan of 3 May 1961", "scan of"),
        ("12345mm", ""),
        ("Müller, Schädel", ""),
        ("CT Schaedel nativ, Herr Schmidt", "CT Schaedel nativ"),
        ("Rachis lombaire sans injection, Mme Dupont", "Rachis lombaire sans injection"),
        ("Torax simples, Garcia", "Torax simples"),
        ("Encefalo senza mdc", "Encefalo senza mdc"),
        ("", ""),
    ],
)
def test_words_of_the_field_stay_and_nothing_else(text, after):
    """Numbers only with a unit; no name, no date, no telephone number."""
    assert cleaned(text, NOBODY) == after


def test_a_word_that_is_the_patients_name_goes():
    """Dr. Hand is no hand (PS3.15 E.3.5, note 2)."""
    assert cleaned("Hand left, 5 mm", frozenset(("hand", "5"))) == "left"


@given(st.text())
def test_what_stays_is_ascii_and_on_the_list(text):
    """Whatever the script."""
    after = cleaned(text, NOBODY)
    assert after.isascii()
    for word in after.split():
        assert is_word(word.lower()) or word[0].isdigit() or word.isalpha()


def test_words_that_tell_of_the_patient_are_not_on_the_list():
    """Sex and months."""
    assert not any(is_word(word) for word in ("female", "male", "march", "may", "1961"))
    assert all(is_word(word) for word in ("chest", "axial", "t1", "contrast"))


def described(**values) -> Dataset:
    dataset = Dataset()
    dataset.PatientName, dataset.PatientID = "Hand^Xyrrhus", "QK88417"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_descriptions_are_removed_or_cleaned(through):
    """Without the option they go; with it, words stay; where none is left, they go as well."""
    before = described(
        StudyDescription="CT hand left QK88417 for Dr. Smith", SeriesDescription="Xyrrhus"
    )
    assert "StudyDescription" not in through(before)
    after = through(before, DESCRIPTORS)
    assert after.StudyDescription == "CT left for"
    assert "SeriesDescription" not in after


def test_texts_of_any_character_set_are_cleaned(through):
    """The answer is ASCII; what follows an escape sequence is not taken for words."""
    before = described(StudyDescription="CT 頭部 chest")
    before.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    assert through(before, DESCRIPTORS).StudyDescription == "CT chest"


def test_long_texts_that_the_table_does_not_know_are_cleaned_always(through):
    """Nobody knows what is in them (PS3.15 E.3.5, note 3)."""
    after = through(
        described(DocumentTitle="Report of chest, Ms. Hand", SegmentDescription="Smith")
    )
    assert after.DocumentTitle == "Report of chest"
    assert after.SegmentDescription == "REMOVED"


def code(value, scheme, meaning) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def test_codes_of_public_schemes_stay(through):
    """Others may name the staff of a hospital."""
    codes = [code("39607008", "SCT", "Lung of Smith"), code("4711", "99HOSP", "Dr. Smith")]
    before = described(AdmittingDiagnosesCodeSequence=codes)
    assert "AdmittingDiagnosesCodeSequence" not in through(before)
    public, local = through(before, DESCRIPTORS).AdmittingDiagnosesCodeSequence
    assert (public.CodeValue, public.CodingSchemeDesignator) == ("39607008", "SCT")
    assert public.CodeMeaning == "Lung of"
    assert (local.CodeValue, local.CodingSchemeDesignator) == ("REMOVED", "99REMOVED")
    assert local.CodeMeaning == "REMOVED"


def content(kind, name, **values) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", kind
    item.ConceptNameCodeSequence = [name]
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def report() -> Dataset:
    measured = Dataset()
    measured.NumericValue = "17.5"
    measured.MeasurementUnitsCodeSequence = [code("mm", "UCUM", "mm")]
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = (
        "1.2.840.10008.5.1.4.1.1.2",
        "1.2.3",
    )
    inner = [
        content("PNAME", code("121008", "DCM", "Person Observer Name"), PersonName="Smith^A"),
        content("TEXT", code("121071", "DCM", "Finding"), TextValue="lung nodule, told Mrs. Smith"),
        content("NUM", code("121206", "DCM", "Distance"), MeasuredValueSequence=[measured]),
        content("NUM", code("121033", "DCM", "Subject Age"), MeasuredValueSequence=[measured]),
        content("NUM", code("77", "99HOSP", "Patient Weight"), MeasuredValueSequence=[measured]),
        content("DATE", code("111060", "DCM", "Study Date"), Date="20200301"),
        content("UIDREF", code("112040", "DCM", "Tracking Unique Identifier"), UID="1.2.9"),
        content("IMAGE", code("121112", "DCM", "Source"), ReferencedSOPSequence=[image]),
    ]
    root = described(ValueType="CONTAINER", SOPInstanceUID="1.2.3")
    root.ContentSequence = [
        content("CONTAINER", code("121070", "DCM", "Findings"), ContentSequence=inner)
    ]
    return root


def test_a_content_tree_becomes_a_comment(through):
    """A report must have content; the Basic Profile leaves none of it."""
    (item,) = through(report()).ContentSequence
    assert (item.ValueType, item.TextValue) == ("TEXT", "REMOVED")


def test_a_content_tree_is_cleaned_by_value_types(through):
    """Measurements and references stay; who the patient is and how old does not. What was found is
    a description: its words stay with the option for these.
    """
    (container,) = through(report(), CONTENT).ContentSequence
    assert container.ContentSequence[1].TextValue == "REMOVED"
    after = through(report(), CONTENT, DESCRIPTORS)
    (container,) = after.ContentSequence
    kinds = [item.ValueType for item in container.ContentSequence]
    assert kinds == ["PNAME", "TEXT", "NUM", "DATE", "UIDREF", "IMAGE"]
    name, text, number, date, uid, image = container.ContentSequence
    assert str(name.PersonName) == "REMOVED"
    assert text.TextValue == "lung nodule"
    assert text.ConceptNameCodeSequence[0].CodeMeaning == "Finding"
    assert number.MeasuredValueSequence[0].NumericValue == 17.5
    assert number.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue == "mm"
    assert date.Date == "19000101"
    assert uid.UID.startswith("2.25.")
    assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == after.SOPInstanceUID


def test_characteristics_stay_in_content_where_they_are_retained(through):
    """With the option for them."""
    after = through(report(), CONTENT, Option.RETAIN_PATIENT_CHARACTERISTICS)
    kinds = [item.ValueType for item in after.ContentSequence[0].ContentSequence]
    assert kinds.count("NUM") == 3


def annotated() -> Dataset:
    def shape(kind, points):
        item = Dataset()
        item.GraphicType, item.NumberOfGraphicPoints = kind, points
        item.GraphicData = [1.0] * 2 * points
        return item

    text = Dataset()
    text.UnformattedTextValue = "lesion of Hand"
    one, two = Dataset(), Dataset()
    one.GraphicLayer = "LAYER"
    one.TextObjectSequence = [text]
    one.GraphicObjectSequence = [shape("CIRCLE", 2), shape("POLYLINE", 80), shape("POLYLINE", 2)]
    two.GraphicObjectSequence = [shape("INTERPOLATED", 40)]
    return described(GraphicAnnotationSequence=[one, two])


def test_annotations_become_one_that_nobody_sees(through):
    """Graphic Annotation Sequence must have an item, in a layer that there is."""
    (item,) = through(annotated()).GraphicAnnotationSequence
    assert item.GraphicLayer == "LAYER"
    assert item.TextObjectSequence[0].UnformattedTextValue == "REMOVED"
    assert item.TextObjectSequence[0].AnchorPointVisibility == "N"


def test_plain_shapes_stay_and_handwriting_does_not(through):
    """What is too plain for a letter; text is cleaned."""
    (item,) = through(annotated(), GRAPHICS).GraphicAnnotationSequence
    assert [s.GraphicType for s in item.GraphicObjectSequence] == ["CIRCLE", "POLYLINE"]
    assert item.TextObjectSequence[0].UnformattedTextValue == "lesion of"


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        ("application/pdf", b"%PDF-1.4"),
        ("text/XML", b"<?xml"),
        ("model/stl", b"empty"),
        ("model/obj", b"# empty"),
        ("application/other", b"\0\0"),
    ],
)
def test_a_document_becomes_an_empty_one_of_its_kind(through, kind, start):
    """With its length."""
    before = described(
        EncapsulatedDocument=b"%PDF John Doe " * 9, MIMETypeOfEncapsulatedDocument=kind
    )
    before.EncapsulatedDocumentLength = 126
    after = through(before)
    assert after.EncapsulatedDocument.startswith(start)
    assert after.EncapsulatedDocumentLength == len(empty_document(kind))


def test_the_empty_pdf_is_well_formed():
    """Every offset in its table leads to its object."""
    document = empty_document("application/pdf")
    place = int(document.split(b"startxref\n")[1].split(b"\n")[0])
    assert document[place:].startswith(b"xref")
    entries = document[place:].split(b"\n")[3:6]
    for number, entry in enumerate(entries, 1):
        assert document[int(entry[:10]) :].startswith(b"%d 0 obj" % number)


def test_times_that_are_none_are_told():
    """Times of day stay; text does not."""
    assert shifted_time("10:11:12.5") == "10:11:12.5"
    assert shifted_time("noon") is None
