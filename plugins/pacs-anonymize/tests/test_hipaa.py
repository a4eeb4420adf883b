"""The shipped profile for 45 CFR 164.514(b)(2) covers all eighteen identifiers, and means it."""

from __future__ import annotations

import re
from string import ascii_uppercase

import pytest
from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword

from pacs_anonymize.profiles.known import profile_named, shipped_text
from pacs_anonymize.profiles.reading import read_document
from pacs_anonymize.settings import AnonymizeSettings
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.applying import anonymized
from pacs_framework.dicom.rewrite import encode_header
from pacs_framework.errors import NotAnonymized
from pacs_framework.testing.instances import make_instance

NAME = "hipaa-safe-harbor"
EIGHTEEN = ascii_uppercase[:18]
EXPLICIT = "1.2.840.10008.1.2.1"
# A value of the VR that is told apart from whatever an engine may make up.
TELLING = {
    "DA": "19410203", "TM": "010203", "DT": "19410203010203", "AS": "097Y", "PN": "Zuckmayer^Zoe",
    "UI": "1.2.3.99999.1", "LT": "Zuckmayer", "ST": "Zuckmayer", "UT": "Zuckmayer",
    "UC": "Zuckmayer", "LO": "Zuckmayer", "SH": "Zuckmayer", "CS": "ZUCKMAYER", "AE": "ZUCKMAYER",
    "UR": "http://zuckmayer.example/1", "US": 60001, "OB": b"Zuckmayer!",
}  # fmt: skip


@pytest.fixture(scope="module")
def anonymizer() -> Anonymizer:
    return profile_named(NAME, AnonymizeSettings()).anonymizer(b"k" * 32)


def header(**attributes: object) -> Dataset:
    instance = make_instance(**attributes)
    del instance.PixelData
    return instance


def test_all_eighteen_are_named_and_answered() -> None:
    document = read_document(shipped_text(NAME), NAME)
    letters = [re.match(r"\(([A-R])\) \w", claim.identifier)[1] for claim in document.covers]
    assert letters == list(EIGHTEEN)
    assert all(claim.attributes for claim in document.covers)


CLAIMED = sorted(
    {
        keyword
        for claim in read_document(shipped_text(NAME), NAME).covers
        for keyword in claim.attributes
    }
)


@pytest.mark.parametrize("keyword", CLAIMED)
def test_what_it_claims_to_cover_does_not_survive(anonymizer: Anonymizer, keyword: str) -> None:
    """At the top level, and inside a sequence that stays."""
    dataset, outer = header(), Dataset()
    for place in (dataset, outer):
        add(place, keyword)
    dataset.SourceImageSequence = [outer]
    encoded = encode_header(anonymized(anonymizer, dataset), EXPLICIT).lower()
    for value in (b"zuckmayer", b"19410203", b"097y", b"1.2.3.99999", b"\x61\xea"):
        assert value not in encoded


def add(dataset: Dataset, keyword: str) -> None:
    vr = dictionary_VR(tag_for_keyword(keyword)).split(" or ")[0]
    if vr == "SQ":
        item = Dataset()
        item.PersonName = item.CodeMeaning = item.PatientID = "Zuckmayer"
        setattr(dataset, keyword, [item])
    else:
        setattr(dataset, keyword, TELLING[vr])


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"BurnedInAnnotation": "YES"}, "text is burned into its pixels"),
        ({"RecognizableVisualFeatures": "YES"}, "a person can be recognized in its pixels"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.4"}, "photographs may show a face"),
    ],
)
def test_what_the_header_alone_cannot_do_is_refused(
    anonymizer: Anonymizer, attributes: dict[str, object], reason: str
) -> None:
    with pytest.raises(NotAnonymized, match=reason):
        anonymized(anonymizer, header(**attributes))
    kept = {"BurnedInAnnotation": "NO", "RecognizableVisualFeatures": "NO"}
    assert anonymized(anonymizer, header(**kept)).PatientIdentityRemoved == "YES"
