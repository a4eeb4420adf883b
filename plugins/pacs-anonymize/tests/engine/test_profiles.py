"""Rules of a site, private attributes that are safe, and what an instance says of itself."""

from __future__ import annotations

import io
import pickle

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.sr._concepts_dict import concepts
from pydicom.tag import Tag

from pacs_anonymize.engine.anonymizer import Change, ProfileAnonymizer
from pacs_anonymize.engine.options import Option, option_code
from pacs_anonymize.engine.profile import Action, ByPrivate, ByTag, ByVR, Profile, Rule
from pacs_framework.dicom.rewrite import encode_header, load_header
from pacs_framework.dicom.uids import BIG_ENDIAN, IMPLICIT_VR
from pacs_framework.errors import ConfigurationError, NotAnonymized

KEY = b"a key of the tests"
EXPLICIT = "1.2.840.10008.1.2.1"


def is_ct(dataset: Dataset) -> bool:
    return dataset.get("Modality") == "CT"


class InMR:
    """A condition that cannot be hashed, as data classes are."""

    __hash__ = None

    def __call__(self, dataset: Dataset) -> bool:
        return dataset.get("Modality") == "MR"


def fails(dataset: Dataset) -> bool:
    raise ValueError(str(dataset.PatientName))


def rule(selector, action, **more) -> Rule:
    return Rule(name="ours", attributes=selector, action=Action(action), **more)


def patient(**values) -> Dataset:
    dataset = Dataset()
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "4711x"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


# --- rules ----------------------------------------------------------------------------------------


def test_a_rule_goes_before_the_table(through):
    """By keyword; at every depth; the first that fits wins."""
    rules = (
        rule(ByTag.of_keyword("PatientComments"), "K"),
        rule(ByTag.of_keyword("PatientComments"), "X"),
        rule(ByTag.of_keyword("Manufacturer"), "X"),
        rule(ByTag.of_keyword("StudyID"), "D", value="S-1"),
        rule(ByTag.of_keyword("Rows"), "D", value="12"),
    )
    before = patient(PatientComments="kept of Doe", Manufacturer="M", StudyID="5", Rows=4)
    before.AnatomicRegionSequence = [patient(Manufacturer="M")]
    after = through(before, rules=rules)
    assert after.PatientComments == "kept of Doe"
    assert "Manufacturer" not in after
    assert "Manufacturer" not in after.AnatomicRegionSequence[0]
    assert (after.StudyID, after.Rows) == ("S-1", 12)


def test_rules_by_vr_and_group(through):
    """All of a VR, all of a group."""
    rules = (rule(ByVR("DS"), "X"), rule(ByTag.of_group(0x0018), "Z"), rule(ByVR("SQ"), "X"))
    before = patient(SliceThickness="5", ImagePositionPatient=["1", "2", "3"], ScanOptions="X")
    before.AnatomicRegionSequence = [patient()]
    after = through(before, rules=rules)
    assert "SliceThickness" not in after
    assert "ImagePositionPatient" not in after
    assert after.ScanOptions == ""
    assert "AnatomicRegionSequence" not in after


def test_a_condition_is_asked_of_the_instance_as_it_came(through):
    """Also for the items in it."""
    rules = (
        rule(ByTag.of_keyword("Manufacturer"), "X", when=is_ct),
        rule(ByTag.of_keyword("Manufacturer"), "K", when=InMR()),
    )
    inner = patient(Manufacturer="M")
    for modality, there in (("CT", False), ("MR", True)):
        before = patient(Modality=modality, AnatomicRegionSequence=[inner])
        after = through(before, rules=rules).AnatomicRegionSequence[0]
        assert ("Manufacturer" in after) is there


def test_a_condition_that_fails_lets_nothing_through(make):
    """And the reason says nothing of the patient."""
    anonymizer = make(rules=(rule(ByVR("LO"), "X", when=fails),))
    with pytest.raises(NotAnonymized, match="rule 'ours' failed: ValueError") as error:
        anonymizer.anonymize(patient())
    assert "Doe" not in str(error.value)


def test_a_value_that_the_vr_cannot_have_is_refused(make):
    """With the name of the rule."""
    anonymizer = make(rules=(rule(ByTag.of_keyword("Rows"), "D", value="many"),))
    with pytest.raises(NotAnonymized, match=r"rule 'ours' puts a value into \(0028,0010\)"):
        anonymizer.anonymize(patient(Rows=4))


def test_only_a_replacement_has_a_value():
    """Anything else would be ignored."""
    with pytest.raises(ConfigurationError, match="only D"):
        rule(ByVR("LO"), "X", value="a")


def test_names_and_keywords_are_checked():
    """A profile's name is written into instances; a keyword has to be one."""
    with pytest.raises(ConfigurationError, match="cannot name a profile"):
        Profile("Frau Müller's profile")
    with pytest.raises(ConfigurationError, match="'PatientNam'"):
        ByTag.of_keyword("PatientNam")
    with pytest.raises(ConfigurationError, match="no VR"):
        ByVR("person")


# --- private attributes ---------------------------------------------------------------------------


def with_private(creator="SIEMENS MR HEADER", group=0x0019) -> Dataset:
    dataset = patient()
    block = dataset.private_block(group, creator, create=True)
    block.add_new(0x0C, "IS", "1000")
    block.add_new(0x0D, "CS", "NONE")
    block.add_new(0x99, "LO", "Jane Doe")
    other = dataset.private_block(0x0029, "OTHER", create=True)
    other.add_new(1, "LO", "x")
    return dataset


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT_VR, BIG_ENDIAN])
def test_listed_private_attributes_stay_with_their_creator(through, syntax):
    """PS3.15 Table E.3.10-1: B Value and its direction; nothing else of the block, no other."""
    after = through(with_private(), Option.RETAIN_SAFE_PRIVATE, syntax=syntax)
    assert [int(e.tag) for e in after if e.tag.is_private] == [0x00190010, 0x0019100C, 0x0019100D]
    assert after[0x0019100C].value == 1000
    assert not [e for e in through(with_private(), syntax=syntax) if e.tag.is_private]


def test_the_same_numbers_of_another_creator_are_not_safe(through):
    """A block belongs to who reserved it."""
    after = through(with_private("SOMEBODY"), Option.RETAIN_SAFE_PRIVATE)
    assert not [e for e in after if e.tag.is_private]


def declaring(status, elements=None) -> Dataset:
    dataset = with_private("SOMEBODY")
    item = Dataset()
    item.PrivateGroupReference, item.PrivateCreatorReference = 0x0019, "SOMEBODY"
    item.BlockIdentifyingInformationStatus = status
    if elements:
        item.NonidentifyingPrivateElements = elements
    item.PrivateDataElementDefinitionSequence = [patient()]
    dataset.PrivateDataElementCharacteristicsSequence = [item]
    return dataset


@pytest.mark.parametrize(
    ("status", "elements", "kept"),
    [("SAFE", None, 3), ("MIXED", [0x0C, 0x0D], 2), ("MIXED", 0x0C, 1), ("UNSAFE", None, 0)],
)
def test_what_an_instance_declares_safe_stays(through, status, elements, kept):
    """(0008,0300) says it; the name of the patient goes even so."""
    after = through(declaring(status, elements), Option.RETAIN_SAFE_PRIVATE)
    values = [e for e in after if e.tag.is_private and not e.tag.is_private_creator]
    assert len(values) == kept
    assert "Doe" not in str(after)
    assert ("PrivateDataElementCharacteristicsSequence" in after) is (kept > 0)
    assert "PrivateDataElementCharacteristicsSequence" not in through(declaring(status, elements))


def test_rules_for_private_attributes(through):
    """By creator and element; with one that is kept, its creator is."""
    rules = (
        rule(ByPrivate("OTHER", 0x0029, 1), "K"),
        rule(ByPrivate("SIEMENS MR HEADER", element=0x0C), "D"),
        rule(ByPrivate("SIEMENS MR HEADER"), "X"),
    )
    after = through(with_private(), Option.RETAIN_SAFE_PRIVATE, rules=rules)
    private = [e for e in after if e.tag.is_private and not e.tag.is_private_creator]
    assert {int(e.tag): e.value for e in private} == {0x0019100C: 0, 0x00291001: "x"}


# --- what the instance says -----------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT_VR, BIG_ENDIAN])
def test_an_instance_says_how_it_was_de_identified(through, syntax):
    """PS3.15 E.1.1: the profile and each option, as codes of CID 7050."""
    options = (Option.CLEAN_DESCRIPTORS, Option.RETAIN_DEVICE_IDENTITY)
    after = through(patient(), *options, syntax=syntax)
    assert after.PatientIdentityRemoved == "YES"
    assert after.DeidentificationMethod == "PS3.15 Annex E, pacs-anonymize: test"
    told = [
        (item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning)
        for item in after.DeidentificationMethodCodeSequence
    ]
    codes = [("113100", "Basic Application Confidentiality Profile"), *map(option_code, options)]
    assert told == [(value, "DCM", meaning) for value, meaning in codes]


def test_who_keeps_something_does_not_claim_the_profile(through):
    """The method is still told."""
    after = through(patient(), rules=(rule(ByTag.of_keyword("PatientAge"), "K"),))
    assert not after.DeidentificationMethodCodeSequence
    assert after.DeidentificationMethod


def test_what_was_done_to_the_pixels_stays_told(through):
    """Other methods of others are not repeated: their text may name somebody."""
    before = patient(DeidentificationMethod="by Dr. Doe")
    items = []
    for value in ("113101", "113110", "Doe"):
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", "Doe"
        items.append(item)
    items[0].CodeMeaning = "Clean Pixel Data Option"
    before.DeidentificationMethodCodeSequence = items
    after = through(before)
    codes = [item.CodeValue for item in after.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113101"]
    assert "Doe" not in str(after)


def test_the_codes_are_those_of_the_standard():
    """As pydicom's copy of PS3.16 has them."""
    codes = [each for known in concepts["DCM"].values() for each in known.items()]
    meanings = {value: meaning for value, (meaning, _) in codes}
    for option in Option:
        value, meaning = option_code(option)
        assert meanings[value] == meaning


# --- reports, and going to other processes --------------------------------------------------------


def test_every_change_is_told_without_the_value(make):
    """Where, what, by which rule; the value before as a keyed hash."""
    changes: list[Change] = []
    before = patient(StudyDescription="of Doe", StudyDate="20200301", Manufacturer="Doe")
    before.private_block(0x0029, "OTHER", create=True).add_new(1, "LO", "Doe")
    before.AnatomicRegionSequence = [patient(AccessionNumber="Doe")]
    make(report=changes.append).anonymize(before)
    by_path = {change.path: change for change in changes}
    removed = by_path["StudyDescription"]
    assert (removed.action, removed.rule, removed.after) == (Action.X, "X: Basic Profile", None)
    assert len(removed.before) == 16
    assert by_path["AnatomicRegionSequence[0].AccessionNumber"].action is Action.Z
    assert by_path["(0029,1001)"].rule == "Private Attributes"
    assert by_path["Manufacturer"].rule == "identifying value, found again"
    assert by_path["PatientIdentityRemoved"].after == "YES"
    assert "Doe" not in str(changes)
    same = by_path["PatientName"].before, by_path["AnatomicRegionSequence[0].PatientName"].before
    assert same[0] == same[1] != by_path["StudyDate"].before


def test_it_can_be_pickled(make):
    """And gives the same answer in the other process."""
    anonymizer = make(Option.RETAIN_UIDS, rules=(rule(ByVR("UT"), "X", when=is_ct),))
    again = pickle.loads(pickle.dumps(anonymizer))
    assert again.keeps_uids
    assert again.profile == anonymizer.profile
    before = patient(StudyInstanceUID="1.2"), patient(StudyInstanceUID="1.2")
    assert encode(again.anonymize(before[0])) == encode(anonymizer.anonymize(before[1]))


def encode(dataset: Dataset) -> bytes:
    return encode_header(dataset, EXPLICIT)


def test_a_sequence_that_cannot_be_read_is_removed(make):
    """Or the whole instance is refused; nothing of it gets through."""
    dataset = load_header(io.BytesIO(encode(patient())), EXPLICIT)
    tag = Tag("AnatomicRegionSequence")
    garbage = b"\xfe\xff\x00\xe0\xff\xff\x00\x00Jane Doe"
    dataset[tag] = RawDataElement(tag, "SQ", len(garbage), garbage, 0, False, True)
    assert b"Jane" not in encode(make().anonymize(dataset))


def test_what_cannot_be_followed_is_refused_without_a_value(make):
    """With the tag and the kind of fault."""
    dataset = patient()
    tag = Tag("PatientName")
    dataset[tag] = RawDataElement(tag, "PN", 4, "Doe^", 0, False, True)  # no bytes
    with pytest.raises(NotAnonymized, match="cannot be followed") as error:
        make().anonymize(dataset)
    assert "Doe" not in str(error.value)


def test_a_description_says_what_the_profile_does():
    """For tables."""
    profile = Profile("p", frozenset((Option.RETAIN_UIDS,)), (rule(ByVR("UT"), "X"),))
    told = ProfileAnonymizer(profile, KEY).description
    assert told == "PS3.15 E.2 Basic Profile, retain-uids, own rules: 1"
