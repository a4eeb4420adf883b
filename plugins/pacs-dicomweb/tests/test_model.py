"""DICOM JSON and XML: pydicom as the oracle, and there and back again."""

from __future__ import annotations

import io
import json
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import pydicom.data
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from pacs_dicomweb.model.datasets import dataset_json
from pacs_dicomweb.model.documents import members_of, object_text, ranged_members
from pacs_dicomweb.model.encoded import BulkLimits, Renderer
from pacs_dicomweb.model.reading import dataset_of, datasets_of, parse_json
from pacs_dicomweb.model.xml_reading import json_of_xml
from pacs_dicomweb.model.xml_writing import xml_document
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.errors import PacsError, UnreadableInstance
from pacs_framework.testing.instances import encoded_instance, make_instance

_FILES = Path(pydicom.data.__file__).parent / "test_files"
_SHARED = Path("/work/shared/dicom")
_ALL_INLINE = BulkLimits(binary=1 << 40, other=1 << 40)
_EXPLICIT, _IMPLICIT, _BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
_LEFT_OUT = ("7FE00010", "7FE00008", "7FE00009", "FFFCFFFC", "00080005")

# pydicom says nothing of a sequence that holds a value it cannot convert (IS "1A", a DS in IS), and
# cuts no text that is longer than its VR allows; those are told here, so that no other hides.
_PYDICOM_SAYS_LESS = {
    "badVR.dcm": {"00280008", "300C0002"},
    "966.dcm": {"00080050"},
    "966_fixed.dcm": {"00080050"},
    "rtdose.dcm": {"300C0002"},
    "rtdose_1frame.dcm": {"300C0002"},
    "rtdose_expb.dcm": {"300C0002"},
    "rtdose_expb_1frame.dcm": {"300C0002"},
    "rtdose_rle.dcm": {"300C0002"},
    "rtdose_rle_1frame.dcm": {"300C0002"},
}


class _InMemory:
    """A data set that can be read from anywhere."""

    def __init__(self, data: bytes) -> None:
        self._data, self.size = data, len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


def _files(folder: Path) -> Iterator[tuple[Path, bytes, str]]:
    """Data sets of real files; those that say nothing of themselves are left out."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or "DICOMDIR" in path.name or path.name == "DIRFILE":
            continue
        data = path.read_bytes()
        try:
            prefix = read_prefix(data)
        except PacsError:
            continue
        yield path, data[prefix.dataset_offset :], prefix.meta.transfer_syntax_uid


def _rendered(data: bytes, syntax: str, limits: BulkLimits | None = None) -> str:
    """By leaps and as a stream, which have to agree."""
    by_leaps = ranged_members(_InMemory(data), syntax, Renderer(limits), "bulk/")
    streamed = members_of(io.BytesIO(data), syntax, Renderer(limits), "bulk/")
    assert by_leaps == streamed
    return object_text(by_leaps)


def _plain(dataset: dict) -> dict:
    """JSON as both sides have it: what PS3.18 leaves open is made alike."""
    found = {}
    for tag, attribute in dataset.items():
        if tag.upper() in _LEFT_OUT or tag.endswith("0000") or int(tag, 16) < 0x00080000:
            continue
        values = attribute.get("Value")
        if attribute["vr"] == "SQ":
            values = [_plain(item or {}) for item in values or ()]
        elif values is not None:
            values = [_plain_value(value) for value in values]
            values = None if all(value in (None, "") for value in values) else values
        found[tag.upper()] = (attribute["vr"], values or attribute.get("InlineBinary") or None)
    return found


def _plain_value(value):
    if isinstance(value, dict):
        return {group: text.strip(" \0") for group, text in value.items() if text} or None
    if isinstance(value, str):
        return value.strip(" \0") or None
    return value


def _oracle(path: Path) -> dict:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = dcmread(path, force=True).to_json(
            bulk_data_threshold=1 << 40, suppress_invalid_tags=True
        )
    return json.loads(text)


def test_real_files_say_what_pydicom_says_of_them() -> None:
    """Every attribute of every file of pydicom that is whole."""
    seen = 0
    for path, data, syntax in _files(_FILES):
        if "truncated" in path.name:
            with pytest.raises(UnreadableInstance):
                _rendered(data, syntax)
            continue
        ours, theirs = (
            _plain(json.loads(_rendered(data, syntax, _ALL_INLINE))),
            _plain(_oracle(path)),
        )
        known = _PYDICOM_SAYS_LESS.get(path.name, set())
        differing = {tag for tag in {*ours, *theirs} if ours.get(tag) != theirs.get(tag)}
        assert differing <= known, (path.name, {t: (ours.get(t), theirs.get(t)) for t in differing})
        seen += 1
    assert seen > 100


@pytest.mark.parametrize("folder", ["objects", "pylibjpeg-data"])
def test_published_files_say_what_pydicom_says_of_them(folder: str) -> None:
    """Segmentations, reports, annotations, whole slides."""
    if not (_SHARED / folder).is_dir():
        pytest.skip(f"no real data: {_SHARED / folder} is absent")
    seen = 0
    for path, data, syntax in _files(_SHARED / folder):
        ours, theirs = (
            _plain(json.loads(_rendered(data, syntax, _ALL_INLINE))),
            _plain(_oracle(path)),
        )
        known = _PYDICOM_SAYS_LESS.get(path.name, set())
        assert {t for t in {*ours, *theirs} if ours.get(t) != theirs.get(t)} <= known, path.name
        seen += 1
    assert seen


@pytest.mark.parametrize("form", ["json", "xml"])
def test_what_is_written_is_read_back(form: str) -> None:
    """Everything but the bulk data, whose place is taken; XML has no empty name components."""
    seen = 0
    for path, data, syntax in _files(_FILES):
        if "truncated" in path.name or path.name in {"badVR.dcm", "image_dfl.dcm"}:
            continue  # a number that is none, a name of delimiters alone
        text = _rendered(data, syntax)
        if form == "json":
            value = parse_json(text)
        else:
            value = json_of_xml(xml_document(json.loads(text, parse_float=str, parse_int=str)))
        back = dataset_json(dataset_of(value, lambda *_: b"\0\0"))
        assert _without_bulk(back, text, form) == _without_bulk(text, text, form), path.name
        seen += 1
    assert seen > 100


def _without_bulk(text: str, original: str, form: str) -> dict:
    bulk = {tag for tag, held in json.loads(original).items() if "BulkDataURI" in json.dumps(held)}
    kept = {tag: held for tag, held in json.loads(text).items() if tag not in bulk}
    return json.loads(json.dumps(kept).replace("^", "")) if form == "xml" else kept


def _element(tag: int, vr: str, value: bytes, order: str = "<") -> bytes:
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}:
        return head + struct.pack(order + "HI", 0, len(value)) + value
    return head + struct.pack(order + "H", len(value)) + value


def _value(data: bytes, tag: str, syntax: str = _EXPLICIT) -> dict:
    return json.loads(_rendered(data, syntax))[tag]


@pytest.mark.parametrize(
    ("vr", "value", "members"),
    [
        ("IS", b"-007", {"Value": [-7]}),
        ("IS", b"+5\\ 6 ", {"Value": [5, 6]}),
        ("IS", b"1.5 ", {"Value": ["1.5"]}),
        ("DS", b"0.50\\+1e3 ", {"Value": [0.5, 1000.0]}),
        ("DS", b".5\\5.", {"Value": [0.5, 5.0]}),
        ("DS", b"NaN ", {"Value": ["NaN"]}),
        ("LO", b"a\\\\b", {"Value": ["a", None, "b"]}),
        ("LO", b"  ", {}),
        ("LT", b" a\\b ", {"Value": [" a\\b"]}),
        ("PN", b"A^B==C\\", {"Value": [{"Alphabetic": "A^B", "Phonetic": "C"}, None]}),
        ("AT", b"\x10\x00\x20\x00", {"Value": ["00100020"]}),
        ("FL", struct.pack("<2f", 0.5, float("inf")), {"Value": [0.5, "Infinity"]}),
        ("SV", struct.pack("<q", -(2**62)), {"Value": [-(2**62)]}),
        ("OB", b"\x01\x02", {"InlineBinary": "AQI="}),
        ("UI", b"1.2\0", {"Value": ["1.2"]}),
        ("US", b"\x01\x00\x02", {"InlineBinary": "AQAC"}),  # cut off, so nobody knows what it is
        ("ZZ", b"ab", {"InlineBinary": "YWI="}),
    ],
)
def test_values_by_their_vr(vr: str, value: bytes, members: dict) -> None:
    """PS3.18 F.2.2 to F.2.7, padding and damage included."""
    said = _value(_element(0x00091010, vr, value), "00091010")
    vr_said = "UN" if "InlineBinary" in members and vr != "OB" else vr
    assert said == {"vr": vr_said, **members}


def test_a_name_in_any_character_set_is_utf_8() -> None:
    """Japanese by escape sequences, and what an item inherits."""
    name = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
    item = _element(0x00080104, "LO", "ü".encode("latin-1"))
    items = struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
    data = _element(0x00080005, "CS", b"\\ISO 2022 IR 87 ") + _element(0x00100010, "PN", name)
    found = _value(data, "00100010")["Value"][0]
    assert found == {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}
    data = _element(0x00080005, "CS", b"ISO_IR 100") + _element(0x00081032, "SQ", items)
    assert _value(data, "00081032")["Value"][0]["00080104"]["Value"] == ["ü"]
    assert _value(data, "00080005")["Value"] == ["ISO_IR 192"]


def test_binary_values_are_little_endian_whatever_they_were() -> None:
    """PS3.18 F.2.7."""
    for syntax, order in ((_EXPLICIT, "<"), (_BIG, ">")):
        value = struct.pack(order + "2H", 1, 2)
        said = _value(_element(0x00281201, "OW", value, order), "00281201", syntax)
        assert said == {"vr": "OW", "InlineBinary": "AQACAA=="}


def test_long_values_are_references_that_say_where_they_are() -> None:
    """Also inside of sequences; text that is allowed to be long stays."""
    inner = _element(0x54001010, "OW", bytes(2000))
    items = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
    data = _element(0x00081030, "LO", b"x" * 2000) + _element(0x54000100, "SQ", items)
    said = json.loads(_rendered(data, _EXPLICIT))
    assert said["54000100"]["Value"][0]["54001010"] == {
        "vr": "OW",
        "BulkDataURI": "bulk/54000100/1/54001010",
    }
    assert said["00081030"]["Value"] == ["x" * 2000]


def test_one_renderer_says_the_same_of_many_headers() -> None:
    """What it remembers never gets into a header of another character set or creator."""
    renderer = Renderer()
    files = [(d, s) for _, d, s in _files(_FILES) if len(d) < 100_000]
    for data, syntax in files:
        try:
            alone = members_of(io.BytesIO(data), syntax, Renderer(), "b/")
        except UnreadableInstance:
            continue
        assert members_of(io.BytesIO(data), syntax, renderer, "b/") == alone


def test_what_follows_the_pixel_data_is_told() -> None:
    """Native or encapsulated, read by leaps."""
    signature = _element(0xFFFA0000 | 0xFFFA, "SQ", b"")
    native = _element(0x7FE00010, "OW", bytes(100_000))
    fragments = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    fragments += struct.pack("<HHI", 0xFFFE, 0xE000, 90_000) + bytes(90_000)
    head = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    encapsulated = head + fragments + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    for pixels, syntax in ((native, _EXPLICIT), (encapsulated, "1.2.840.10008.1.2.4.90")):
        said = json.loads(_rendered(_element(0x00100020, "LO", b"P1") + pixels + signature, syntax))
        assert list(said) == ["00100020", "7FE00010", "FFFAFFFA"]
        assert said["7FE00010"]["BulkDataURI"] == "bulk/7FE00010"


def test_sequences_without_end_and_without_bottom_are_unreadable() -> None:
    """Bounded, whatever is sent."""
    deep = b"".join(
        struct.pack("<HH2sHI", 0x0008, 0x1032, b"SQ", 0, 0xFFFFFFFF)
        + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
        for _ in range(200)
    )
    closing = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0) * 200
    for data in (deep, deep + closing):
        with pytest.raises(UnreadableInstance):
            _rendered(data, _EXPLICIT)


def test_damaged_headers_are_unreadable_or_said() -> None:
    """Never another exception, never a JSON that cannot be parsed."""
    data = encoded_instance(make_instance(PatientName="Doe^Jane"))
    for position in range(len(data) - 140):
        damaged = bytearray(data)
        damaged[position] ^= 0xFF
        for syntax in (_EXPLICIT, _IMPLICIT):
            try:
                text = object_text(members_of(io.BytesIO(damaged), syntax, Renderer(), ""))
            except UnreadableInstance:
                continue
            json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[1]",
        '{"0010":{"vr":"LO"}}',
        '{"00100010":"x"}',
        '{"00100010":{"vr":"XX"}}',
        '{"00100010":{"vr":"LO","Value":"x"}}',
        '{"00100010":{"vr":"LO","Value":[{}]}}',
        '{"00100010":{"vr":"LO","Value":[true]}}',
        '{"00100010":{"vr":"LO","Value":["a"],"InlineBinary":"AA=="}}',
        '{"00100010":{"vr":"PN","Value":[{"Alphabetic":"a=b"}]}}',
        '{"00280010":{"vr":"US","Value":[70000]}}',
        '{"00280010":{"vr":"US","Value":[1.5]}}',
        '{"00282000":{"vr":"OB","InlineBinary":"*"}}',
        '{"00282000":{"vr":"OB","Value":[1]}}',
        '{"00282000":{"vr":"OB","BulkDataURI":"x"}}',
        '{"00281050":{"vr":"DS","Value":[NaN]}}',
        '{"00081032":{"vr":"SQ","Value":[1]}}',
        "[" * 5000,
        '{"00081032":{"vr":"SQ","Value":[' * 200 + "{}" + "]}}" * 200,
    ],
)
def test_json_that_breaks_the_model_is_unreadable(text: str) -> None:
    """And its message quotes no value."""
    with pytest.raises(UnreadableInstance):
        datasets_of(parse_json(text))


def _model(attribute: str) -> bytes:
    return f"<NativeDicomModel>{attribute}</NativeDicomModel>".encode()


@pytest.mark.parametrize(
    "document",
    [
        b"<a/>",
        b"<NativeDicomModel",
        b'<!DOCTYPE x [<!ENTITY a "b">]><NativeDicomModel/>',
        _model('<Value number="1">x</Value>'),
        _model('<DicomAttribute tag="00100010" vr="LO"><Value>x</Value></DicomAttribute>'),
        _model('<DicomAttribute tag="00100010" vr="LO"><Value number="9999999"/></DicomAttribute>'),
        _model(
            '<DicomAttribute tag="00280010" vr="US"><Value number="1">x</Value></DicomAttribute>'
        ),
    ],
)
def test_xml_that_breaks_the_model_is_unreadable(document: bytes) -> None:
    """A document type too, which could make a small document a large one."""
    with pytest.raises(UnreadableInstance):
        dataset_of(json_of_xml(document))


def test_a_private_attribute_without_block_gets_one() -> None:
    """PS3.19 A.1.4: its creator is named beside it."""
    document = (
        b'<NativeDicomModel><DicomAttribute tag="00090002" vr="LO" privateCreator="ACME">'
        b'<Value number="1">x</Value></DicomAttribute></NativeDicomModel>'
    )
    dataset = dataset_of(json_of_xml(document))
    assert dataset[0x00090010].value == "ACME"
    assert dataset[0x00091002].value == "x"


def test_numbers_keep_their_digits() -> None:
    """DS 1.10 is no 1.1 where text was sent as a number."""
    dataset = dataset_of(parse_json('{"00281050":{"vr":"DS","Value":[1.10]}}'))
    assert str(dataset.WindowCenter) == "1.10"


def test_a_data_set_of_raw_elements_is_written() -> None:
    """As queries give them."""
    dataset = Dataset()
    raw = RawDataElement(BaseTag(0x00100020), "LO", 2, b"P1", 0, False, True)
    dataset[0x00100020] = raw
    assert json.loads(dataset_json(dataset)) == {"00100020": {"vr": "LO", "Value": ["P1"]}}


@pytest.mark.parametrize("vr", [b'B"', b"B\x1a", b"Bb", b"B\xff"])
def test_what_is_no_vr_is_unknown(vr: bytes) -> None:
    """Two bytes of somebody else's do not get into the JSON as they are."""
    elements = [(0x0008, b"CS"), (0x0060, vr), (0x0090, b"PN")]
    data = b"".join([struct.pack("<HH2sH", 8, number, each, 0) for number, each in elements])
    found = json.loads(_rendered(data, "1.2.840.10008.1.2.1"))
    assert found == {"00080008": {"vr": "CS"}, "00080060": {"vr": "UN"}, "00080090": {"vr": "PN"}}
