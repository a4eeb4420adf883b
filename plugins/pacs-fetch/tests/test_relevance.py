"""Regions of the body, and what an earlier study is worth."""

from __future__ import annotations

import pytest

from pacs_fetch.priors.regions import Regions
from pacs_fetch.priors.relevance import BUILT_IN, Earlier, judged
from pacs_fetch.priors.scheduled import Step
from pacs_fetch.settings import Relevant
from pacs_framework.archive.corrections import PatientKey


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("CT THORAX", {"chest"}),
        ("CT Thorax/Abdomen m. KM", {"chest", "abdomen"}),
        ("CHESTABDPELVIS", {"chest", "abdomen", "pelvis"}),
        ("MRT Kniegelenk rechts", {"knee"}),
        ("Schädel nativ", {"head"}),
        ("Schaedel nativ", {"head"}),
        ("Crâne", {"head"}),
        ("Scha\u0308del", {"head"}),  # as some systems write an umlaut
        ("LWS in 2 Ebenen", {"spine"}),
        ("Kidney stones", {"abdomen"}),
        ("T2 SPIN ECHO", set()),
        ("MAMMOGRAPHY SCREENING", {"breast"}),
        ("", set()),
        ("\0\n\\*?", set()),
    ],
)
def test_regions_are_known_by_words(text: str, regions: set[str]) -> None:
    assert Regions().of([text]) == regions


def test_a_modality_may_tell_the_region() -> None:
    assert Regions().of(["screening"], ["MG"]) == {"breast"}


def test_a_site_adds_words_and_regions() -> None:
    """What is built in stays."""
    regions = Regions({"chest": ["TÓRAX*", "KO"], "zahn": ["ZAHN*"]})
    assert regions.of(["toraxserie ko"]) == {"chest"}
    assert regions.of(["Zahnfilm"]) == {"zahn"}
    assert regions.of(["thorax"]) == {"chest"}


def test_a_long_text_of_a_stranger_takes_no_time() -> None:
    """A word of 64 KiB is looked at once for each length that a beginning may have."""
    assert Regions().of(["X" * 65536, "KNEE"]) == {"knee"}


def step(modality: str = "CT", *regions: str) -> Step:
    return Step(patient=PatientKey(patient_id="P1"), modality=modality, regions=frozenset(regions))


def earlier(modality: str, *regions: str) -> Earlier:
    modalities = frozenset(filter(None, modality.split("+")))
    return Earlier(uid="1.2.3", modalities=modalities, regions=frozenset(regions))


@pytest.mark.parametrize(
    ("wanted", "found", "score"),
    [
        (step("CT", "chest"), earlier("CT", "chest"), 100),
        (step("CT", "chest"), earlier("CT+SR", "chest", "abdomen"), 100),
        (step("DX", "knee"), earlier("CR", "knee"), 100),
        (step("MR", "head"), earlier("CT", "head"), 80),
        (step("MG", "breast"), earlier("US"), 80),
        (step("CT", "chest"), earlier("CR", "chest"), 60),
        (step("CT"), earlier("CT", "chest"), 50),
        (step("CT", "chest"), earlier("CT"), 50),
        (step("CT", "chest"), earlier("CT", "knee"), 20),
        (step("CT", "chest"), earlier("MR", "knee"), 0),
        (step("CT", "chest"), earlier(""), 0),
    ],
)
def test_what_is_built_in(wanted: Step, found: Earlier, score: int) -> None:
    assert judged(wanted, found, BUILT_IN).score == score


def test_rows_of_a_site_come_first() -> None:
    """Also one that says never."""
    rows = (
        Relevant(modality=("CT",), region=("chest",), prior_modality=("US",), score=90),
        Relevant(prior_modality=("same",), prior_region=("knee",), score=0),
        *BUILT_IN,
    )
    assert judged(step("CT", "chest"), earlier("US", "heart"), rows).score == 90
    assert judged(step("CT", "head"), earlier("US", "heart"), rows).score == 0
    assert judged(step("MR", "knee"), earlier("MR", "knee"), rows).score == 0


def test_the_reason_is_told() -> None:
    told = judged(step("CT", "chest"), earlier("MR+SR", "chest"), BUILT_IN).why
    assert told == "modality MR+SR for CT, same region chest"
    assert judged(step("CT"), earlier("CT"), BUILT_IN).why == "same modality CT, region unknown"
