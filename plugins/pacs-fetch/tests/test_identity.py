"""By which ID a source is asked, and which answers are about somebody else."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from pacs_fetch.identity import digest_of, key_for, strange
from pacs_framework.archive.corrections import PatientKey

OURS = PatientKey(patient_id="4711", issuer="CITY")
THEIRS = PatientKey(patient_id="A-1", issuer="REGION")


def test_the_same_domain_is_asked_by_our_id() -> None:
    assert key_for("", OURS, [THEIRS]) == OURS
    assert key_for("CITY", OURS, [THEIRS]) == OURS


def test_another_domain_is_asked_by_its_own_id() -> None:
    assert key_for("REGION", OURS, [THEIRS]) == THEIRS


@pytest.mark.parametrize("ours", [OURS, PatientKey(patient_id="4711")])
def test_another_domain_is_never_asked_by_our_id(ours: PatientKey) -> None:
    """The same number is another person there; without an issuer it is ours as well."""
    said = key_for("REGION", ours, [])
    assert said == "no Patient ID of issuer 'REGION' is linked with the patient"


@pytest.mark.parametrize("patient_id", ["*", "47?1", "4711\\4712"])
def test_an_id_that_would_find_others_is_not_asked_for(patient_id: str) -> None:
    assert "wild card" in str(key_for("", PatientKey(patient_id=patient_id), []))


def answer(**attributes: str) -> Dataset:
    dataset = Dataset()
    for keyword, value in {"PatientID": "4711", **attributes}.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"PatientID": "4711 "},
        {"IssuerOfPatientID": "CITY", "PatientBirthDate": "19700101"},
        {"IssuerOfPatientID": "", "PatientBirthDate": ""},
    ],
)
def test_who_was_asked_for(attributes: dict[str, str]) -> None:
    assert strange(answer(**attributes), OURS, "19700101") == ""


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"PatientID": "4712"}, "another Patient ID"),
        ({"PatientID": "04711"}, "another Patient ID"),
        ({"PatientID": ""}, "another Patient ID"),
        ({"IssuerOfPatientID": "REGION"}, "another issuer of the Patient ID"),
        ({"PatientBirthDate": "19700102"}, "another birth date"),
    ],
)
def test_somebody_else(attributes: dict[str, str], said: str) -> None:
    assert strange(answer(**attributes), OURS, "19700101") == said


def test_jobs_do_not_show_patient_ids() -> None:
    assert digest_of("4711") == digest_of(" 4711 ")
    assert digest_of("4711") != digest_of("4712")
    assert "4711" not in digest_of("4711")
