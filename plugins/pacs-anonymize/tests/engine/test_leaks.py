"""Whatever is sent, nothing that identifies is anywhere in the bytes that come out."""

from __future__ import annotations

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import DataElement, Dataset
from pydicom.datadict import DicomDictionary
from pydicom.sequence import Sequence

from pacs_anonymize.engine.anonymizer import ProfileAnonymizer
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.profile import Profile
from pacs_anonymize.engine.table import confidentiality_table
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.rewrite import encode_header, load_header
from pacs_framework.dicom.uids import BIG_ENDIAN, IMPLICIT_VR

EXPLICIT = "1.2.840.10008.1.2.1"
KEY = b"a key of the tests"
GIVEN, FAMILY, NUMBER = "Zqvortin", "Xwubbelmann", "QK8841736"
TOKENS = (GIVEN, FAMILY, NUMBER)

SHORT = ("LO", "SH", "UC", "CS", "AE")
LONG = ("LT", "ST", "UT")
BYTES = ("OB", "UN")
SKIPPED = {"SQ", "OB or OW", "US or SS", "US or OW", "US or SS or OW", "NONE"}

# In these files of pixel data, groups of commands, and what the kernel compares before and after.
FORBIDDEN_GROUPS = {0x0000, 0x0002, 0x0004, 0x0006, 0x7FE0, 0xFFFE}
STANDARD = sorted(
    (tag, entry[0])
    for tag, entry in DicomDictionary.items()
    if tag >> 16 not in FORBIDDEN_GROUPS and entry[0] not in SKIPPED and tag != 0x00080005
)
SEQUENCES = sorted(
    tag for tag, entry in DicomDictionary.items() if entry[0] == "SQ" and tag >> 16 > 6
)
UNKNOWN = (0x0010FFF0, 0x0008FFFE, 0x0020F0F0, 0x30FE0010)

tokens = st.sampled_from(TOKENS)
phrases = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "seen with ", "CT ", "Dr.", "/data/", "T2_"]),
    tokens,
    st.sampled_from(["", " head", "_001", ", axial"]),
)


def values(vr: str):
    """A value of a VR that tells who it is, wherever the VR allows that."""
    if vr == "PN":
        return st.just(f"{FAMILY}^{GIVEN}=={GIVEN}")
    if vr in ("CS", "SH", "AE"):
        return tokens.map(str.upper)
    if vr in (*SHORT, *LONG):
        return phrases
    if vr in BYTES:
        return st.builds(lambda text: text.encode().ljust(40), phrases)
    if vr == "UI":
        return st.sampled_from(["1.2.3.4", "1.2.840.10008.5.1.4.1.1.2", "2.25.7"])
    if vr in ("DA", "DT", "TM"):
        return st.just({"DA": "19610203", "DT": "19610203040506", "TM": "040506"}[vr])
    if vr in ("FD", "FL"):
        return st.floats(-9, 9, width=32)
    if vr in ("DS", "IS"):
        return st.sampled_from(["1", "-4", "12"])
    if vr == "AS":
        return st.just("061Y")
    if vr == "UR":
        return tokens.map(lambda token: f"http://pacs/{token}")
    if vr in ("AT", "SL", "SS", "SV", "UL", "US", "UV"):
        return st.integers(0, 99)
    return st.just(bytes(8))


standard = st.sampled_from(STANDARD).flatmap(
    lambda entry: values(entry[1]).map(lambda value: DataElement(entry[0], entry[1], value))
)
unknown = st.builds(
    DataElement,
    st.sampled_from(UNKNOWN),
    st.sampled_from(("LO", "UT")),
    phrases,
)
private = st.builds(
    lambda block, vr, text: [
        DataElement(0x00090000 | block, "LO", f"CREATOR {GIVEN}"),
        DataElement(0x00090001 | block << 8, vr, text.encode() if vr in BYTES else text[:16]),
    ],
    st.integers(0x10, 0x13),
    st.sampled_from(("LO", "OB", "UN", "UT")),
    phrases.map(lambda text: text.ljust(40)),
)


def build(elements, blocks, items) -> Dataset:
    dataset = Dataset()
    for element in (*elements, *(element for block in blocks for element in block)):
        dataset.add(element)
    for tag, inner in items:
        dataset.add(DataElement(tag, "SQ", Sequence([inner])))
    return dataset


leaves = st.builds(
    build,
    st.lists(st.one_of(standard, unknown), max_size=12),
    st.lists(private, max_size=2),
    st.just([]),
)
data_sets = st.recursive(
    leaves,
    lambda inner: st.builds(
        build,
        st.lists(st.one_of(standard, unknown), max_size=8),
        st.lists(private, max_size=2),
        st.lists(st.tuples(st.sampled_from(SEQUENCES), inner), min_size=1, max_size=3),
    ),
    max_leaves=6,
)


def identified(dataset: Dataset) -> Dataset:
    """With who it is in the attributes that are for it."""
    dataset.PatientName = f"{FAMILY}^{GIVEN}"
    dataset.PatientID = NUMBER
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    return dataset


PROFILES = {
    "basic": frozenset(),
    "cleaning": frozenset(
        (Option.CLEAN_DESCRIPTORS, Option.CLEAN_GRAPHICS, Option.CLEAN_STRUCTURED_CONTENT)
    ),
    "retaining": frozenset(
        option for option in Option if option is not Option.RETAIN_LONGITUDINAL_FULL_DATES
    ),
}
ANONYMIZERS = {
    name: ProfileAnonymizer(Profile(name, options), KEY) for name, options in PROFILES.items()
}


def left_in(encoded: bytes) -> list[str]:
    folded = encoded.lower()
    return [token for token in TOKENS if token.lower().encode() in folded]


@pytest.mark.parametrize("profile", sorted(PROFILES))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(dataset=data_sets, syntax=st.sampled_from([EXPLICIT, IMPLICIT_VR, BIG_ENDIAN]))
def test_no_name_and_no_number_survives(profile, dataset, syntax):
    """At no depth, in no private or unknown element, in no text that stays."""
    encoded = encode_identifier(identified(dataset), syntax)
    answer = ANONYMIZERS[profile].anonymize(load_header(io.BytesIO(encoded), syntax))
    assert left_in(encode_header(answer, syntax)) == []


ROWS = [
    (tag, vr)
    for tag, vr in STANDARD
    if (row := confidentiality_table().row(tag))
    and vr in ("PN", *SHORT[:3], *LONG)
    and not {"K", "C", "U"} & set(row.basic)
]


def word_of(tag: int) -> str:
    """A word for each attribute, which stands nowhere else."""
    return "Zq" + f"{tag:08x}".translate(str.maketrans("0123456789", "ghijklmnop"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(st.sampled_from(ROWS), min_size=1, max_size=9, unique=True),
    above=st.lists(st.sampled_from(SEQUENCES), max_size=3),
    syntax=st.sampled_from([EXPLICIT, IMPLICIT_VR, BIG_ENDIAN]),
)
def test_no_value_of_any_row_survives_anywhere(rows, above, syntax):
    """Of an attribute that the Basic Profile takes out: not at its place, at whatever depth, and
    no copy of it in private, unknown and encapsulated elements.
    """
    words = [word_of(tag) for tag, _ in rows]
    said = " ".join(words)
    dataset = Dataset()
    for tag, vr in rows:
        dataset.add(DataElement(tag, vr, word_of(tag)))
    block = dataset.private_block(0x0009, "SITE", create=True)
    block.add_new(0x01, "UT", said)
    block.add_new(0x02, "OB", said.encode().ljust(len(said) + len(said) % 2))
    dataset.add(DataElement(UNKNOWN[0], "UT", said))
    dataset.EncapsulatedDocument = said.encode().ljust(len(said) + len(said) % 2)
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    for tag in above:
        dataset, inner = Dataset(), dataset
        dataset.add(DataElement(tag, "SQ", Sequence([inner])))
    encoded = encode_identifier(identified(dataset), syntax)
    answer = ANONYMIZERS["basic"].anonymize(load_header(io.BytesIO(encoded), syntax))
    after = encode_header(answer, syntax).lower()
    assert [word for word in words if word.lower().encode() in after] == []


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(dataset=data_sets)
def test_twice_is_once(dataset):
    """What has gone through with the same key goes through unchanged."""
    for anonymizer in ANONYMIZERS.values():
        given_ = load_header(io.BytesIO(encode_identifier(identified(dataset), EXPLICIT)), EXPLICIT)
        once = encode_header(anonymizer.anonymize(given_), EXPLICIT)
        again = anonymizer.anonymize(load_header(io.BytesIO(once), EXPLICIT))
        assert differing(once, encode_header(again, EXPLICIT)) == []


def differing(one: bytes, other: bytes) -> list[str]:
    if one == other:
        return []
    before, after = (load_header(io.BytesIO(data), EXPLICIT) for data in (one, other))
    tags = sorted({*before.keys(), *after.keys()})
    return [str(tag) for tag in tags if before.get(tag) != after.get(tag)] or ["only the bytes"]


def test_a_name_is_found_where_it_was_to_stay(through):
    """In a series of words, in a path, in bytes; the words around it stay."""
    dataset = identified(Dataset())
    dataset.Manufacturer = "Standard scanner of xwubbelmann"
    dataset.SoftwareVersions = ["1.2", f"D:\\{GIVEN}", "3"]
    dataset.ICCProfile = f"profile {FAMILY}".encode().ljust(24)
    dataset.BodyPartExamined = FAMILY.upper()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", GIVEN.upper()]
    after = through(dataset)
    assert after.Manufacturer == "Standard scanner of"
    assert after.SoftwareVersions[0] == "1.2"
    assert "ICCProfile" not in after
    assert after.BodyPartExamined == "REMOVED"
    assert list(after.ImageType) == ["ORIGINAL", "PRIMARY", "REMOVED"]


def test_other_identifiers_of_the_patient_are_found_as_well(through):
    """Though the sequences that tell them are removed as a whole."""
    dataset = identified(Dataset())
    other, before, original = Dataset(), Dataset(), Dataset()
    other.PatientID = "ZQ-771829"
    before.PatientName = "Mmaddern^Q"
    original.ModifiedAttributesSequence = [before]
    dataset.OtherPatientIDsSequence = [other]
    dataset.OriginalAttributesSequence = [original]
    dataset.Manufacturer = "scanner of Mmaddern"
    dataset.SoftwareVersions = "for ZQ-771829"
    after = through(dataset)
    assert (after.Manufacturer, after.SoftwareVersions) == ("scanner of", "for")
    assert "OtherPatientIDsSequence" not in after


def test_a_name_that_is_a_term_leaves_codes_alone(through):
    """Mr. Head's skull is a HEAD; in text, his name goes."""
    dataset = identified(Dataset())
    dataset.PatientName = "Head^Axial"
    dataset.BodyPartExamined = "HEAD"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ReceiveCoilName = "Coil of Head"
    after = through(dataset)
    assert after.BodyPartExamined == "HEAD"
    assert list(after.ImageType) == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert after.ReceiveCoilName == "Coil of"


def test_numbers_that_are_none_do_not_stay(through):
    """A DS with letters is no number; others stay as they are."""
    dataset = identified(Dataset())
    dataset.SliceThickness = "5"
    dataset.KVP = "1.2e3"
    raw = load_header(io.BytesIO(encode_identifier(dataset, EXPLICIT)), EXPLICIT)
    raw[0x00180050]._value = "Johnny"
    after = through(raw)
    assert "SliceThickness" not in after
    assert after.KVP == 1200


def test_a_value_against_its_vr_is_taken_for_what_it_is(make, answer):
    """A name as Rows, text as a sequence, a sequence as text: none of them stays."""
    dataset = identified(Dataset())
    dataset.add_new(0x00280006, "PN", "Somebody^Else")
    dataset.add_new(0x00180050, "LO", "Somebody")
    item = Dataset()
    item.PatientName = "Somebody"
    dataset.add_new(0x00180015, "SQ", [item])
    dataset.add_new(0x52009229, "LO", "Somebody")
    dataset.add_new(0x00200011, "UT", "Somebody")
    assert b"Somebody" not in answer(make(), dataset)


def test_what_the_engine_says_at_the_top_is_an_attribute_like_others_inside(make, answer):
    """A method or a code of one, in an item, may hold anything."""
    dataset = identified(Dataset())
    item = Dataset()
    item.DeidentificationMethod = GIVEN
    code = Dataset()
    code.CodeValue, code.CodeMeaning = GIVEN, f"by {FAMILY}"
    item.DeidentificationMethodCodeSequence = [code]
    dataset.AnatomicRegionSequence = [item]
    assert left_in(answer(make(), dataset)) == []


def test_every_private_element_goes_and_so_does_its_creator(through):
    """In items too, and where no creator reserved the block."""
    dataset = identified(Dataset())
    for level in (dataset, item := Dataset()):
        level.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", b"xx")
        level.add_new(0x00311055, "LO", "lost")
    dataset.AnatomicRegionSequence = [item]
    after = through(dataset)
    assert not [e for e in after.iterall() if e.tag.is_private]
