"""Every row of Table E.1-1 with every option: what the standard says happens, at every depth."""

from __future__ import annotations

import io
import json
from importlib.resources import files
from pathlib import Path

import pytest
from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.plan import Plans
from pacs_anonymize.engine.profile import Profile
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.dicom.uids import UidForm, uid_form

EXPLICIT = "1.2.840.10008.1.2.1"
DATA = files("pacs_anonymize.engine").joinpath("data")
DOCUMENT = json.loads(DATA.joinpath("confidentiality.json").read_text())
TYPES = json.loads(DATA.joinpath("iod_types.json").read_text())

# They say how it was de-identified, or who the pseudonym is; the table test looks at the rest.
PATIENT = {0x00100010, 0x00100020}
INSIDE = Tag("AnatomicRegionSequence")
NUMBER = {"US": 7, "SS": 7, "UL": 7, "FD": 7.5, "FL": 7.5, "SL": 7}


def vr_of(tag: int) -> str | None:
    try:
        return dictionary_VR(tag).split(" or ")[0]
    except KeyError:
        return None


ROWS = [
    (int(tag, 16), basic, dict(zip(Option, columns, strict=True)), vr_of(int(tag, 16)))
    for tag, _, basic, columns in DOCUMENT["rows"]
    if "X" not in tag and vr_of(int(tag, 16)) and not tag.startswith(("0000", "0002", "0004"))
]


def mark(tag: int, depth: int) -> str:
    """Ten letters that say where they were planted."""
    return f"ZQ{tag:08X}".translate(str.maketrans("0123456789", "GHIJKLMNOP")) + "XY"[depth]


def telling(tag: int, vr: str, depth: int):
    """A value of a VR that stands nowhere else."""
    if vr == "SQ":
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator = "1", "99LOCAL"
        item.CodeMeaning = mark(tag, depth)
        item.TextValue = mark(tag, depth)
        return Sequence([item])
    if vr in ("OB", "UN"):
        return mark(tag, depth).encode().ljust(12)
    if vr == "DA":
        return "19610203"
    return {
        "DT": "19610203040506",
        "TM": "040506.07",
        "AS": "061Y",
        "DS": "61.5",
        "IS": "61",
        "UI": f"1.2.3.{tag}.{depth}",
        "AE": mark(tag, depth)[:12],
        **NUMBER,
    }.get(vr, mark(tag, depth))


def instance() -> Dataset:
    """An instance with every attribute of the table, and an item with every attribute again."""
    dataset = Dataset()
    inner = Dataset()
    for depth, level in enumerate((dataset, inner)):
        for tag, _, _, vr in ROWS:
            level.add(DataElement(tag, vr, telling(tag, vr, depth)))
    dataset.SOPClassUID = "1.2.3"  # of no known class: the most demanding types count
    dataset.AnatomicRegionSequence = [inner]
    return dataset


def action(basic: str, columns: dict[Option, str], option: Option | None) -> str:
    """The letter that counts; of several that of the most demanding type."""
    asked = columns.get(option, "-") if option else "-"
    return asked if asked != "-" else basic.replace("*", "").split("/")[-1]


@pytest.mark.parametrize("option", [None, *Option])
def test_every_row_is_treated_as_the_standard_says(option, make, answer):
    """At the top level and in an item of a sequence that stays."""
    options = [option] if option else []
    encoded = answer(make(*options), instance())
    after = load_header(io.BytesIO(encoded), EXPLICIT)
    wrong = []
    for depth, level in enumerate((after, after[INSIDE].value[0])):
        for tag, basic, columns, vr in ROWS:
            letter = action(basic, columns, option)
            fault = fault_of(level, tag, vr, letter, depth)
            if fault:
                wrong.append(f"{Tag(tag)} {vr} {letter} at depth {depth}: {fault}")
    assert wrong == []


def fault_of(level: Dataset, tag: int, vr: str, letter: str, depth: int) -> str:
    """What is wrong with an attribute after its action; empty where nothing is."""
    element = level.get(Tag(tag))
    before = telling(tag, vr, depth)
    if letter == "X":
        return "is still there" if element is not None else ""
    if element is None:
        # What a row cleans and has nothing left of may go where the profile removes it.
        return "" if letter == "C" else "is gone"
    same = str(element.value) == str(before) if vr != "SQ" else False
    told = mark(tag, depth) in str(element.value) or (vr == "DA" and same)
    if letter == "K":
        return "was changed" if vr != "SQ" and not same else ""
    if letter == "U" and vr == "UI":
        return "" if uid_form(element.value) is UidForm.VALID and not same else "is no new UID"
    if letter == "D" and element.is_empty:
        return "is empty"
    if letter == "Z" and not element.is_empty and tag not in PATIENT:
        return "is not empty"
    if letter == "C" and vr == "TM":
        return ""
    return "tells" if told or (same and letter != "U") else ""


@pytest.mark.parametrize("option", [None, *Option])
def test_several_codes_are_resolved_by_the_type_in_the_iod(option, make):
    """X/Z/D: D for type 1, Z for type 2, X for type 3 and for what the IOD does not have; in every
    storage SOP class, with every option.

    References stay where they must or may be there.
    """
    anonymizer = make(*([option] if option else []))
    wrong = [
        fault
        for sop_class in TYPES["classes"]
        for fault in faults_in(sop_class, anonymizer, option)
    ]
    assert wrong == []


@pytest.mark.parametrize("option", [None, *Option])
def test_a_single_code_means_the_same_in_every_sop_class(option):
    """So what is shown of it in one class is shown for all."""
    plans = Plans(Profile("test", frozenset([option] if option else [])))
    single = [tag for tag, basic, _, _ in ROWS if "/" not in basic]
    alike = {digits: sop_class for sop_class, digits in TYPES["classes"].items()}
    unknown = plans.of_class("1.2.3")
    wrong = [
        f"{sop_class}: {Tag(tag)}"
        for sop_class in alike.values()
        for tag in single
        if plans.of_class(sop_class)[tag] != unknown[tag]
    ]
    assert wrong == []
    assert len(alike) > 50


def faults_in(sop_class, anonymizer, option):
    kinds = dict(zip(TYPES["tags"], TYPES["classes"][sop_class], strict=True))
    dataset = Dataset()
    for tag, _, _, vr in ROWS:
        if f"{tag:08X}" in kinds:
            dataset.add(DataElement(tag, vr, telling(tag, vr, 0)))
    dataset.SOPClassUID = sop_class
    after = anonymizer.anonymize(dataset)
    for tag, basic, columns, vr in ROWS:
        codes = basic.replace("*", "").split("/")
        if len(codes) == 1 or tag in PATIENT:
            continue
        kind = kinds[f"{tag:08X}"]
        middle = "Z" if "Z" in codes and "U" not in codes else codes[-1]
        letter = {"1": codes[-1], "2": middle}.get(kind, codes[0])
        asked = columns.get(option, "-") if option else "-"
        letter = letter if asked == "-" else asked
        if fault := fault_of(after, tag, vr, letter, 0):
            yield f"{sop_class}: {Tag(tag)} of type {kind}, {basic}: {fault}"


def test_the_edition_is_told():
    """Since the table grows with the standard."""
    assert "2025" in DOCUMENT["edition"]
    assert "2026d" in DOCUMENT["edition"]
    assert len(ROWS) > 600


def test_repeating_groups_and_padding_are_removed(through):
    """Curves, overlays with all that describes them, signatures, padding; in every item too."""
    dataset = Dataset()
    for level in (dataset, inner := Dataset()):
        for group in (0x5000, 0x501E, 0x6000, 0x601E):
            level.add_new((group, 0x0010), "US", 5)
            level.add_new((group, 0x3000), "OW", b"overlay!")
            level.add_new((group, 0x4000 if group & 0x1000 else 0x0022), "LO", "John")
        level.add_new(0xFFFCFFFC, "OB", b"John")
        level.DigitalSignaturesSequence = [Dataset()]
    dataset.AnatomicRegionSequence = [inner]
    after = through(dataset)
    groups = {tag.group for tag in (*after.keys(), *after[INSIDE].value[0].keys())}
    assert groups <= {0x0008, 0x0010, 0x0012, 0x0028}


def test_no_action_differs_from_the_published_table():
    """Each row of the JSON that the data were made of, where it is at hand."""
    shared = Path(__file__).resolve().parents[5] / "shared" / "dicom" / "standard"
    published = shared / "confidentiality_profile_attributes.json"
    if not published.exists():
        pytest.skip(f"{published} is not there")
    ours = {tag: (basic, columns) for tag, _, basic, columns in DOCUMENT["rows"]}
    for row in json.loads(published.read_text("utf-8")):
        tag = "X" * 8 if row["id"].startswith("gggg") else row["id"].upper()
        basic, columns = ours[tag]
        assert basic == row["basicProfile"], row["name"]
        actions = [row[key] for key in row if key.endswith("Opt")]
        assert sorted(actions) == sorted(columns.replace("-", "")), row["name"]
