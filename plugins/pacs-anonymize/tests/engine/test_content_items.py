"""Table E.3.4-1 by the letter: each content item, with each option, wherever content items are."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from pydicom import Dataset
from pydicom.datadict import keyword_for_tag

from pacs_anonymize.engine.content import content_table
from pacs_anonymize.engine.options import Option

DOCUMENT = json.loads(
    files("pacs_anonymize.engine").joinpath("data", "content_items.json").read_text()
)
CONTENT = Option.CLEAN_STRUCTURED_CONTENT
TELLING = "Xwubbelmann"
VALUE = {
    "TEXT": ("TextValue", "nodule "),
    "DATE": ("Date", "19610203"),
    "TIME": ("Time", "040506"),
    "DATETIME": ("DateTime", "19610203040506"),
    "PNAME": ("PersonName", TELLING),
    "UIDREF": ("UID", "1.2.3.4.5"),
}
REFERRING = ("COMPOSITE", "IMAGE", "WAVEFORM")


def code(value: str, scheme: str, meaning: str = "a concept") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def content(scheme: str, value: str, kind: str) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "HAS PROPERTIES", kind
    item.ConceptNameCodeSequence = [code(value, scheme)]
    if kind in VALUE:
        keyword, before = VALUE[kind]
        setattr(item, keyword, before + (mark(value) if kind == "TEXT" else ""))
    if kind in REFERRING:
        image = Dataset()
        image.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        image.ReferencedSOPInstanceUID = "1.2.3.4.5"
        item.ReferencedSOPSequence = [image]
    if kind == "CODE":
        item.ConceptCodeSequence = [code("248152002", "SCT")]
    return item


def mark(value: str) -> str:
    """A word of its own for each concept: one that identifies is taken out wherever it stands."""
    return "xq" + value.translate(str.maketrans("0123456789-", "ghijklmnopq"))


def container(*items: Dataset) -> Dataset:
    holding = content("DCM", "121070", "CONTAINER")
    holding.ContentSequence = list(items)
    return holding


def document(*items: Dataset) -> Dataset:
    root = Dataset()
    root.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
    root.PatientName, root.PatientID = "Zq^Vortin", "QK8841736"
    root.ContentSequence = [container(*items)]
    return root


def letter(basic: str, asked: str) -> str:
    """What is to happen; X/D replaces, since any template may demand the item."""
    if asked != "-":
        return asked
    return "X" if basic == "X" else "D"


@pytest.mark.parametrize("option", [None, *Option])
def test_every_row_is_treated_as_the_table_says(option, through) -> None:
    options = {CONTENT, option} - {None}
    rows = DOCUMENT["rows"]
    items = [content(*row[:3]) for row in rows]
    for item, row in zip(items, rows, strict=True):
        if row[2] == "TEXT" and not row[4].strip("-"):  # an identifier, whose words are banned
            item.TextValue = mark(row[1])
    after = through(document(*items), *options)
    (holding,) = after.ContentSequence
    left = list(holding.ContentSequence)
    wrong = []
    for scheme, value, kind, basic, columns in rows:
        asked = dict(zip(Option, columns, strict=True)).get(option, "-") if option else "-"
        name = (value, scheme, kind)
        what = letter(basic, asked)
        stays = bool(left) and name_of(left[0]) == name
        item = left.pop(0) if stays else None
        if fault := fault_of(item, kind, what, mark(value)):
            wrong.append(f"{name} {what}: {fault}")
    assert wrong == []
    assert left == []


def name_of(item: Dataset) -> tuple[str, str, str]:
    name = item.ConceptNameCodeSequence[0]
    scheme = name.CodingSchemeDesignator
    return name.CodeValue, scheme, item.ValueType


def fault_of(item: Dataset | None, kind: str, what: str, word: str) -> str:
    if what == "X":
        return "is still there" if item is not None else ""
    if item is None:
        return "is gone"
    if kind in REFERRING:
        same = item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.3.4.5"
        return "" if same is (what == "K") else "is not as it should be"
    if kind not in VALUE:
        return ""
    keyword, before = VALUE[kind]
    before += word if kind == "TEXT" else ""
    value = str(item.get(keyword, ""))
    if what == "K":
        return "" if value == before else f"was changed to {value!r}"
    if what == "C" and kind == "TEXT":
        return "" if value == "nodule" else f"was cleaned to {value!r}"
    if not value:
        return "is empty"
    if kind == "TIME":  # with modified dates, times of day stay
        return ""
    return "tells" if TELLING in value or word in value or value == before else ""


def test_the_table_is_whole_and_names_its_edition() -> None:
    """211 rows of the standard, and its SNOMED concepts by their three retired codes each."""
    assert "2026a" in DOCUMENT["edition"]
    retired = [row for row in DOCUMENT["rows"] if row[0] in ("SRT", "SNM3", "99SDM")]
    assert (len(DOCUMENT["rows"]), len(retired)) == (244, 33)
    assert len(content_table()) == 244


@pytest.mark.parametrize(
    ("outer", "sequence"),
    [
        (None, "AcquisitionContextSequence"),
        ("AcquisitionContextSequence", "ContentItemModifierSequence"),
        ("SpecimenPreparationSequence", "SpecimenPreparationStepContentItemSequence"),
    ],
)
def test_content_items_of_acquisition_and_specimens_are_treated_too(
    outer, sequence, through
) -> None:
    identifier = content("DCM", "121041", "TEXT")  # Specimen Identifier: X
    kept = content("DCM", "121071", "TEXT")  # Finding: X/D
    holder = Dataset()
    setattr(holder, sequence, [identifier, kept])
    if outer:
        inner, holder = holder, Dataset()
        setattr(holder, outer, [inner])
    holder.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
    after = through(holder, CONTENT)
    items = getattr(getattr(after, outer)[0] if outer else after, sequence)
    assert [name_of(item)[0] for item in items] == ["121071"]
    assert items[0].TextValue == "REMOVED"


def test_an_identifier_in_a_content_item_is_found_elsewhere(through) -> None:
    """It was taken out, and stands in a text that stays."""
    item = content("DCM", "121022", "TEXT")  # Accession Number
    item.TextValue = "ACC88417"
    before = document(item)
    before.SoftwareVersions = "for acc88417"
    after = through(before, CONTENT)
    assert "88417" not in str(after)


def test_positions_that_others_refer_to_do_not_move(through) -> None:
    """What is taken out leaves an empty comment behind, where anything is referred to like that."""
    gone, stays = content("DCM", "121111", "TEXT"), content("DCM", "121206", "NUM")
    referring = Dataset()
    referring.RelationshipType = "INFERRED FROM"
    referring.ReferencedContentItemIdentifier = [1, 1, 2]
    after = through(document(gone, stays, referring), CONTENT)
    items = after.ContentSequence[0].ContentSequence
    assert [item.get("ValueType") for item in items] == ["TEXT", "NUM", None]
    assert (items[0].TextValue, items[0].RelationshipType) == ("REMOVED", "HAS PROPERTIES")
    assert list(items[2].ReferencedContentItemIdentifier) == [1, 1, 2]
    (moved,) = through(document(gone, stays), CONTENT).ContentSequence[0].ContentSequence
    assert moved.ValueType == "NUM"


def test_a_tree_of_which_nothing_stays_is_taken_out(through) -> None:
    """Content Sequence is type 1C: none without an item."""
    assert (
        "ContentSequence"
        not in through(document(content("DCM", "121111", "TEXT")), CONTENT).ContentSequence[0]
    )


def test_the_report_says_which_table(make) -> None:
    changes = []
    anonymizer = make(CONTENT, report=changes.append)
    anonymizer.anonymize(document(content("DCM", "121111", "TEXT")))
    [change] = [change for change in changes if change.rule == "Table E.3.4-1"]
    assert (change.action, change.after) == ("X", None)
    assert change.path.startswith(f"{keyword_for_tag(0x0040A730)}[0].ContentSequence[0]")
