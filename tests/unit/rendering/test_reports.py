"""Structured reports as pages and as text: all of them, in their order, and nothing as markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from presented import item
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.reports import reading
from pacs_framework.rendering.reports.content import Reference
from pacs_framework.rendering.reports.html import in_html
from pacs_framework.rendering.reports.plain import in_plain_text
from pacs_framework.rendering.reports.reading import is_report, read_report

SR = "1.2.840.10008.5.1.4.1.1.88.33"
CT = "1.2.840.10008.5.1.4.1.1.2"


def code(meaning: str, value: str = "1", scheme: str = "99T") -> list[Dataset]:
    return [item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)]


def content(
    value_type: str, name: str = "", *below: Dataset, relationship: str = "CONTAINS", **more: Any
) -> Dataset:
    """A content item."""
    made = item(ValueType=value_type, RelationshipType=relationship, **more)
    if name:
        made.ConceptNameCodeSequence = code(name)
    if below:
        made.ContentSequence = list(below)
    return made


def report(*below: Dataset, **more: Any) -> Dataset:
    root = content("CONTAINER", "Report", *below, **more)
    del root.RelationshipType
    root.SOPClassUID = SR
    return root


def plain(dataset: Dataset) -> str:
    return "".join(in_plain_text(read_report(dataset)))


def lines(dataset: Dataset) -> list[str]:
    """Those of the tree, without their indents."""
    return [line.strip() for line in plain(dataset).split("\n\n", 2)[-1].strip().splitlines()]


def page(dataset: Dataset) -> str:
    def address(reference: Reference) -> str:
        if not reference.study_instance_uid:
            return ""
        return f"https://pacs/{reference.study_instance_uid}/{reference.sop_instance_uid}?a=1&b=2"

    return "".join(in_html(read_report(dataset), address))


class Words(HTMLParser):
    """The text of a page, its tags and their attributes; an element that is not closed fails."""

    VOID = frozenset(("meta", "hr", "br"))

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("style", "title"):
            self.words += data.split()


EVERY_KIND = (
    (content("TEXT", "Finding", TextValue="A mass.\r\nSmall."), "Finding:\nA mass.\nSmall."),
    (
        content("CODE", "Site", ConceptCodeSequence=code("Lung", "T-28", "SRT")),
        "Site: Lung (T-28, SRT)",
    ),
    (
        content(
            "NUM",
            "Size",
            MeasuredValueSequence=[
                item(NumericValue="3.5", MeasurementUnitsCodeSequence=code("millimeter", "mm"))
            ],
        ),
        "Size: 3.5 mm",
    ),
    (
        content("NUM", "Size", NumericValueQualifierCodeSequence=code("Not a number")),
        "Size: (Not a number)",
    ),
    (content("DATE", "Day", Date="20010213"), "Day: 2001-02-13"),
    (content("TIME", "Time", Time="184746.5"), "Time: 18:47:46.5"),
    (content("DATETIME", "When", DateTime="20010213184746+0100"), "When: 2001-02-13 18:47:46+0100"),
    (content("UIDREF", "Tracking", UID="1.2.3"), "Tracking: 1.2.3"),
    (
        content("PNAME", "Observer", PersonName="Doe^Jane^M^Dr^MD"),
        "Observer: Dr Jane M Doe, MD",
    ),
    (
        content("SCOORD", "Region", GraphicType="CIRCLE", GraphicData=[1.5, 2, 3, 4]),
        "Region: CIRCLE (1.5, 2) (3, 4)",
    ),
    (
        content(
            "SCOORD3D",
            "Region",
            GraphicType="POINT",
            GraphicData=[1.0, 2.0, 3.0],
            ReferencedFrameOfReferenceUID="1.4",
        ),
        "Region: POINT (1, 2, 3) in frame of reference 1.4",
    ),
    (
        content("TCOORD", "Part", TemporalRangeType="SEGMENT", ReferencedTimeOffsets=["1", "2.5"]),
        "Part: SEGMENT seconds 1, 2.5",
    ),
    (
        content(
            "WAVEFORM",
            "Trace",
            ReferencedSOPSequence=[
                item(
                    ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.9.1.1",
                    ReferencedSOPInstanceUID="1.9",
                    ReferencedWaveformChannels=[1, 2, 1, 3],
                )
            ],
        ),
        "Trace: 12-lead ECG Waveform 1.9, channels 1/2, 1/3",
    ),
    (content("HOLOGRAM", "Odd"), "Odd: (a value of type 'HOLOGRAM', which is not shown)"),
    (
        content("", relationship="INFERRED FROM", ReferencedContentItemIdentifier=[1, 2, 3]),
        "[inferred from] see item 1.2.3",
    ),
)


@pytest.mark.parametrize(("made", "expected"), EVERY_KIND)
def test_every_kind_of_value_is_told(made: Dataset, expected: str) -> None:
    """In text and on the page, in the same words."""
    assert "\n".join(lines(report(made))[1:]) == expected
    words = Words(page(report(made))).words
    for word in re.sub(r"\([\w-]+, \w+\)|\[.*?\]", "", expected).split():
        assert any(word.strip(",:") in each for each in words), word


def test_items_are_told_in_their_order_and_below_each_other() -> None:
    """What modifies an item stands below it, by the name of its relationship."""
    nested = report(
        content(
            "CONTAINER",
            "Findings",
            content(
                "TEXT",
                "First",
                content(
                    "CODE", "Side", relationship="HAS CONCEPT MOD", ConceptCodeSequence=code("Left")
                ),
                TextValue="one",
            ),
            content("TEXT", "Second", TextValue="two"),
        ),
        content("TEXT", "Conclusion", TextValue="three"),
    )
    assert plain(nested).endswith(
        "Report\n"
        "  Findings\n"
        "    First: one\n"
        "      [has concept mod] Side: Left (1, 99T)\n"
        "    Second: two\n"
        "  Conclusion: three\n"
    )
    words = " ".join(Words(page(nested)).words)
    assert re.search("Findings.*one.*Left.*two.*Conclusion.*three", words)


def test_the_header_is_told_before() -> None:
    """Whose report, what of, who stands for it, and what it replaces."""
    before = item(ReferencedSOPClassUID=SR, ReferencedSOPInstanceUID="1.7")
    series = item(SeriesInstanceUID="1.6", ReferencedSOPSequence=[before])
    told = report(
        PatientName="Doe^Jane",
        PatientID="P1",
        StudyDescription="Chest",
        ContentDate="20010213",
        ContentTime="184746",
        CompletionFlag="COMPLETE",
        VerificationFlag="VERIFIED",
        VerifyingObserverSequence=[
            item(
                VerifyingObserverName="Roe^Richard",
                VerifyingOrganization="Clinic",
                VerificationDateTime="20010214",
            )
        ],
        PredecessorDocumentsSequence=[
            item(StudyInstanceUID="1.5", ReferencedSeriesSequence=[series])
        ],
    )
    head = plain(told).split("\n\nReport", maxsplit=1)[0]
    assert head.splitlines() == [
        "Report",
        "",
        "Patient: Jane Doe",
        "Patient ID: P1",
        "Study: Chest",
        "Content: 2001-02-13 18:47:46",
        "Completion: COMPLETE",
        "Verification: VERIFIED",
        "Verified: 2001-02-14 - Richard Roe, Clinic",
        "Predecessor: Comprehensive SR 1.7",
    ]
    links = [attrs["href"] for tag, attrs in Words(page(told)).tags if tag == "a"]
    assert links == ["https://pacs/1.5/1.7?a=1&b=2"]


def test_an_image_is_a_link_where_the_evidence_tells_where_it_is() -> None:
    """Its frames are named; without evidence there is its UID, and no link."""
    image = item(
        ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID="1.9", ReferencedFrameNumber=[2, 4]
    )
    shown = report(content("IMAGE", "Key", ReferencedSOPSequence=[image]))
    assert "1.9" in page(shown)
    assert "<a " not in page(shown)
    place = item(SeriesInstanceUID="1.8", ReferencedSOPSequence=[image])
    shown.CurrentRequestedProcedureEvidenceSequence = [
        item(StudyInstanceUID="1.7", ReferencedSeriesSequence=[place])
    ]
    parsed = Words(page(shown))
    assert [attrs["href"] for tag, attrs in parsed.tags if tag == "a"] == [
        "https://pacs/1.7/1.9?a=1&b=2"
    ]
    assert "CT Image, frames 2, 4" in " ".join(parsed.words)


_ATTRIBUTES = {"lang", "charset", "class", "id", "title", "href"}
HOSTILE = "</span></div><script>alert(1)</script><img src=x onerror=alert(1)> \"' & \x1b[31m\x00"


def test_nothing_of_a_report_is_markup_or_a_command() -> None:
    """Wherever a text may stand: on the page it is a text, in plain text it controls nothing."""
    evil = report(
        content(
            "TEXT",
            HOSTILE,
            content("CODE", HOSTILE, ConceptCodeSequence=code(HOSTILE, HOSTILE[:16], HOSTILE[:16])),
            content("PNAME", HOSTILE, PersonName=HOSTILE),
            content("UIDREF", HOSTILE, UID=HOSTILE),
            content(
                "IMAGE",
                HOSTILE,
                ReferencedSOPSequence=[
                    item(ReferencedSOPClassUID=HOSTILE, ReferencedSOPInstanceUID=HOSTILE)
                ],
            ),
            content(HOSTILE, HOSTILE, relationship=HOSTILE),
            TextValue=HOSTILE,
            ObservationDateTime=HOSTILE,
        ),
        PatientName=HOSTILE,
        PatientID=HOSTILE,
    )
    evil.ConceptNameCodeSequence = code(HOSTILE)
    parsed = Words(page(evil))
    assert not {"script", "img"} & {tag for tag, _ in parsed.tags}
    assert {name for _, attrs in parsed.tags for name in attrs} <= _ATTRIBUTES
    assert "<script>alert(1)</script><img" in " ".join(parsed.words)
    assert not {"\x1b", "\x00"} & {*page(evil)}
    assert not {"\x1b", "\x00"} & {*plain(evil)}


def test_a_value_by_reference_leads_to_its_item() -> None:
    """Which has the anchor of its position, from the root on."""
    first = content("TEXT", "First", TextValue="one")
    again = content("", relationship="INFERRED FROM", ReferencedContentItemIdentifier=[1, 1])
    parsed = Words(page(report(first, content("TEXT", "Second", again, TextValue="two"))))
    anchors = {attrs.get("id") for _, attrs in parsed.tags}
    (link,) = [attrs["href"] for tag, attrs in parsed.tags if tag == "a"]
    assert link == "#item-1-1"
    assert "item-1-1" in anchors


def test_a_report_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be a page that no browser shows."""
    monkeypatch.setattr(reading, "_MOST_ITEMS", 1000)
    one = content("TEXT", TextValue="x")
    assert len(read_report(report(*[one] * 999)).items) == 1000
    with pytest.raises(UnreadableInstance, match="more than 1000 items"):
        read_report(report(*[one] * 1000))


def test_what_is_no_report_is_told() -> None:
    with pytest.raises(UnreadableInstance, match="no Value Type"):
        read_report(item(SOPClassUID=SR))


@pytest.mark.parametrize(
    ("uid", "expected"),
    [
        ("1.2.840.10008.5.1.4.1.1.88.11", True),
        ("1.2.840.10008.5.1.4.1.1.88.34", True),
        ("1.2.840.10008.5.1.4.1.1.88.59", True),
        ("1.2.840.10008.5.1.4.1.1.88.67", True),
        ("1.2.840.10008.5.1.4.1.1.88.40", True),
        (CT, False),
        ("1.2.840.10008.5.1.4.1.1.11.1", False),
        ("1.2.840.10008.5.1.4.1.1.104.1", False),
    ],
)
def test_reports_are_known_by_their_class(uid: str, *, expected: bool) -> None:
    assert is_report(uid) is expected
