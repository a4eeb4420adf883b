"""Patient updates over the wire: in the worklist, in what is found, in what is retrieved."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pacs_framework.archive.corrections import CorrectionKind, PatientKey
from pacs_worklist.api import Worklist

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from hl7_peers import LINK, MERGE, ORDER, UPDATE, changed

C9 = PatientKey(patient_id="C9", issuer="CLINIC")
P1, P2 = PatientKey(patient_id="P1", issuer="HOSP"), PatientKey(patient_id="P2", issuer="HOSP")


def bare(key: PatientKey) -> PatientKey:
    return PatientKey(patient_id=key.patient_id)


def test_an_update_reaches_worklist_and_archive(site, pacs_index_url):
    """Also images whose Patient ID has no issuer."""
    here = site(index_url=pacs_index_url)
    here.code(ORDER)
    assert here.code(UPDATE) == "AA"
    assert [each.text("PatientName") for each in here.worklist.find()] == ["Müller-Lang^Jörg"]
    patients = here.archive.archive.patients
    for key in (P1, bare(P1)):
        [correction] = patients.history(key)
        assert correction.after["PatientName"] == "Müller-Lang^Jörg"
        assert correction.by == "ADT at HOSP"
        assert correction.reason == "ADT^A08 U1 of ADT|HOSP"


def test_an_update_in_other_words_is_one_correction(site):
    here = site()
    assert here.code(UPDATE) == "AA"
    assert here.code(changed(UPDATE, MSH={9: "ADT^A31", 10: "U2"})) == "AA"
    assert len(here.archive.archive.patients.history(P1)) == 1


def test_issuers_of_other_hospitals_leave_images_without_one_alone(site):
    here = site(local_issuers=["CLINIC"])
    assert here.code(UPDATE) == "AA"
    assert here.archive.archive.patients.history(bare(P1)) == []
    assert len(here.archive.archive.patients.history(P1)) == 1


def test_a_merge_reaches_worklist_and_archive(site, pacs_index_url):
    here = site(index_url=pacs_index_url)
    here.code(ORDER)
    assert here.code(MERGE) == "AA"
    [step] = here.worklist.find()
    assert (step.text("PatientID"), step.text("IssuerOfPatientID")) == ("P2", "HOSP")
    patients = here.archive.archive.patients
    assert patients.current(P1) == P2
    assert patients.current(bare(P1)) == bare(P2)


def test_every_pair_of_a_merge_is_carried_out(site):
    here = site()
    more = ("PID|||P4^^^HOSP^MR||Roe^Jane", "MRG|P3^^^HOSP^MR")
    assert here.code((*MERGE, *more)) == "AA"
    patients = here.archive.archive.patients
    assert patients.current(P1) == P2
    assert patients.current(PatientKey(patient_id="P3", issuer="HOSP")).patient_id == "P4"


def test_a_merge_that_is_refused_leaves_no_half(site):
    """The second pair would close a circle: the first one never was, the worklist is as it was."""
    here = site()
    here.code(ORDER)
    circle = ("PID|||P1^^^HOSP^MR||Roe^Jane", "MRG|P2^^^HOSP^MR")
    answer = here.send((*MERGE, *circle))
    assert answer[1][1] == "AE"
    patients = here.archive.archive.patients
    assert patients.current(P1) == P1
    assert patients.current(bare(P1)) == bare(P1)
    assert patients.history() == []
    assert [each.text("PatientID") for each in here.worklist.find()] == ["P1"]


def test_an_order_under_a_merged_identifier_is_of_the_patient_that_survived(site, pacs_index_url):
    """With what the merge corrected, as if the order had come before it; changed and cancelled by
    who has not heard of the merge, too.
    """
    here = site(index_url=pacs_index_url)
    assert here.code(changed(MERGE, PID={5: "Müller-Lang^Jörg"})) == "AA"
    assert here.code(changed(ORDER, PID={5: "Other^Name", 8: "M"})) == "AA"
    assert here.code(changed(ORDER, MSH={10: "M2"}, ORC={1: "XO"})) == "AA"
    [step] = here.worklist.find()
    attributes = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientSex")
    assert [step.text(each) for each in attributes] == ["P2", "HOSP", "Müller-Lang^Jörg", "M"]
    assert here.code(UPDATE) == "AA"
    assert here.worklist.get(step.id).text("PatientName") == "Müller-Lang^Jörg"
    assert here.code(changed(UPDATE, MSH={10: "U2"}, PID={5: "Newer^Name"})) == "AA"
    assert here.worklist.get(step.id).text("PatientName") == "Newer^Name"
    cancel = changed(ORDER, MSH={10: "M3"}, ORC={1: "CA"}, OBR=None, ZDS=None)
    assert here.code(cancel) == "AA"
    assert here.worklist.get(step.id).state.value == "discontinued"


def test_a_merge_while_an_order_is_planned_reaches_its_step(site, monkeypatch):
    """It looked for steps when there was none, after the order looked for merges."""
    here = site()
    put, late = Worklist.put, []

    def merged_meanwhile(worklist, dataset, *, order_key):
        if not late:
            late.append(here.code(MERGE))
        return put(worklist, dataset, order_key=order_key)

    monkeypatch.setattr(Worklist, "put", merged_meanwhile)
    assert here.code(ORDER) == "AA"
    assert late == ["AA"]
    assert [each.text("PatientID") for each in here.worklist.find()] == ["P2"]


def test_an_identifier_is_changed(site):
    here = site()
    here.code(UPDATE)
    assert here.code(changed(MERGE, MSH={9: "ADT^A47^ADT_A30"})) == "AA"
    patients = here.archive.archive.patients
    assert patients.current(P1) == P2
    assert patients.history(P1)[-1].kind is CorrectionKind.CHANGE_ID


def test_a_missing_issuer_of_the_prior_identifier_is_that_of_the_patient(site):
    here = site()
    assert here.code(changed(MERGE, MRG={1: "P1"})) == "AA"
    assert here.archive.archive.patients.current(P1) == P2


def unlinked(kind="ADT^A37^ADT_A37"):
    return (changed(LINK[:1], MSH={9: kind, 10: "L2"})[0], *LINK[1:])


def test_a_link_is_kept_and_taken_back(site, pacs_index_url):
    """Under each key that either is known by; who, why and when stand in the history."""
    here = site(index_url=pacs_index_url, local_issuers=["HOSP"])
    patients = here.archive.archive.patients
    assert here.code(LINK) == "AA"
    assert patients.linked(P1) == (C9, bare(P1))
    assert patients.linked(bare(P1)) == (C9, P1)
    assert patients.linked(C9) == (bare(P1), P1)
    assert patients.current(P1) == P1
    for each in patients.history():
        assert (each.kind, each.by) == (CorrectionKind.LINK, "MPI at CORP")
        assert each.reason == "ADT^A24 L1 of MPI|CORP"
    assert here.code(unlinked()) == "AA"
    assert [patients.linked(key) for key in (P1, bare(P1), C9)] == [(), (), ()]


@pytest.mark.parametrize("kind", ["ADT^A37", "ADT^A37^ADT_A37"])
def test_taking_back_what_was_never_linked_is_no_error(site, kind):
    """It is as the sender wants it; so may a message be repeated."""
    here = site()
    assert here.code(unlinked(kind)) == "AA"
    assert here.archive.archive.patients.history() == []


def test_a_link_again_is_accepted_and_is_one(site):
    """In the other order too."""
    here = site()
    assert here.code(LINK) == "AA"
    known = here.archive.archive.patients.history()
    again = (LINK[0].replace("|L1|", "|L9|"), LINK[1], LINK[4], LINK[2])
    assert here.code(again) == "AA"
    assert here.archive.archive.patients.history() == known


def test_one_patient_id_of_two_issuers_is_linked(site):
    here = site()
    same = (*LINK[:4], "PID|2||P1^^^CLINIC^MR")
    assert here.code(same) == "AA"
    other = PatientKey(patient_id="P1", issuer="CLINIC")
    assert other in here.archive.archive.patients.linked(P1)


def test_a_link_that_is_refused_leaves_no_half(site):
    """Of the keys without issuer, one was merged into the other: those are one already."""
    here = site()
    patients = here.archive.archive.patients
    patients.merge(bare(P1), bare(C9), by="test", reason="because")
    before = patients.history()
    answer = here.send(LINK)
    assert answer[1][1] == "AE"
    assert [patients.linked(key) for key in (P1, C9, bare(C9))] == [(), (), ()]
    assert patients.history() == before


@pytest.mark.parametrize(
    ("message", "location"),
    [
        (LINK[:4], "PID^2"),
        (LINK[:2], "PID^1"),
        ((*LINK, "PID|3||X^^^HOSP^MR"), "PID^3"),
        ((*LINK[:4], LINK[2]), "PID^2^3"),
        ((*LINK[:4], "PID|2||||Mueller^Joerg"), "PID^2^3"),
    ],
)
def test_a_link_that_is_not_between_two_changes_nothing(site, message, location):
    here = site()
    answer = here.send(message)
    assert answer[1][1] == "AE"
    assert answer[2][2] == location
    assert here.archive.archive.patients.history() == []


def test_a_mapping_of_a_site_may_refuse_links(site, tmp_path, mapping):
    own = tmp_path / "own.toml"
    own.write_text(mapping.read_text("utf-8").replace('"link-patients"', '"refuse"'), "utf-8")
    here = site(mapping=str(own))
    assert here.send(LINK)[1][1] == "AR"


@pytest.mark.parametrize(
    ("message", "location"),
    [
        (changed(UPDATE, PID={3: ""}), "PID^1^3"),
        (changed(UPDATE, PID={5: '""'}), "PID^1^5"),
        (changed(UPDATE, PID={7: "yesterday"}), "PID^1^7"),
        (changed(UPDATE, PID=None), "PID^1"),
        (changed(MERGE, MRG=None), "MRG^1^1"),
        (changed(MERGE, MRG={1: "P2^^^HOSP^MR"}), "MRG^1^1"),
    ],
)
def test_a_patient_that_cannot_be_changes_nothing(site, message, location):
    here = site()
    here.code(ORDER)
    answer = here.send(message)
    assert answer[1][1] == "AE"
    assert answer[2][2] == location
    assert here.archive.archive.patients.history() == []
    assert [each.text("PatientName") for each in here.worklist.find()] == ["Müller^Jörg^^Dr."]


# Published as examples of the HL7 gateway of samedi: the authority has a universal ID alone.
SAMEDI = (
    (
        "MSH|^~\\&|KomServer|KOMSERV|samedi-hl7gateway|samedi|20260523123517||ADT^A40|6193737622093|P"
        "|2.5|HN51K51R9QR771M||AL|NE||8859/1"
    ),
    "EVN|A40|202602041715",
    (
        "PID|1||9011^^^&www.praxis-nörd2.de&DNS^PI~732588^^^Rädvis^PI|70000182^^^SHL^PI"
        "|Krüger^Hëinrich||19560519|F|||Prüfwëg 35&Prüfwëg 35^^Neumünster^^24534^DE^L"
    ),
    (
        "MRG|9012~c718845mn46^^^&www.praxis-nörd2.de&DNS~9013944^^^&1.2.276.0.76.3.1.660.1.1.1.2.1&ISO"
        "^PI|"
    ),
)


def test_a_published_merge_is_carried_out(site):
    """Of the identifiers in MRG-1 the one of type PI counts."""
    here = site()
    assert here.send(SAMEDI)[1][:3] == ["MSA", "CA", "6193737622093"]
    patients = here.archive.archive.patients
    prior = PatientKey(patient_id="9013944", issuer="1.2.276.0.76.3.1.660.1.1.1.2.1")
    now = patients.current(prior)
    assert now == PatientKey(patient_id="9011", issuer="www.praxis-nörd2.de")
    found = patients.find(now)
    assert found is not None
