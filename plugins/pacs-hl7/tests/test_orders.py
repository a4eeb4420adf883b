"""Orders over the wire: planned, changed, cancelled in the worklist."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pacs_worklist.api import State

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from hl7_peers import ORDER, changed


def test_an_order_becomes_a_step_of_the_worklist(site, pacs_index_url):
    here = site(index_url=pacs_index_url)
    assert here.code(ORDER) == "AA"
    [step] = here.worklist.find()
    assert step.state is State.SCHEDULED
    told = {
        "PatientID": "P1",
        "IssuerOfPatientID": "HOSP",
        "PatientName": "Müller^Jörg^^Dr.",
        "PatientBirthDate": "19700131",
        "PatientSex": "M",
        "AccessionNumber": "A1",
        "StudyInstanceUID": "1.2.3.4",
        "RequestedProcedureID": "RP1",
        "RequestedProcedureDescription": "CT thorax",
        "RequestedProcedurePriority": "ROUTINE",
        "RequestingPhysician": "Roth^Eva",
        "ReferringPhysicianName": "Weiß^Anna",
        "CurrentPatientLocation": "WARD 3",
        "PlacerOrderNumberImagingServiceRequest": "PL1",
        "FillerOrderNumberImagingServiceRequest": "FI1",
        "Modality": "CT",
        "ScheduledStationAETitle": "CT1",
        "ScheduledProcedureStepStartDate": "20261121",
        "ScheduledProcedureStepStartTime": "103000",
        "ScheduledProcedureStepID": "SPS1",
    }
    assert {keyword: step.text(keyword) for keyword in told} == told
    [code] = step.dataset.RequestedProcedureCodeSequence
    assert (code.CodeValue, code.CodeMeaning, code.CodingSchemeDesignator) == (
        "CTTHX",
        "CT thorax",
        "LOCAL",
    )


def test_the_same_message_again_is_accepted_and_changes_nothing(site):
    """A sender that missed our answer sends again; meanwhile the step may have gone on."""
    here = site()
    assert here.code(ORDER) == "AA"
    [step] = here.worklist.find()
    here.worklist.change_state(step.id, State.COMPLETED)
    assert here.code(ORDER) == "AA"
    assert [each.state for each in here.worklist.find()] == [State.COMPLETED]
    assert len(here.journal.latest(most=0)) == 1


def test_a_change_of_the_order_changes_the_step_and_keeps_its_study(site):
    here = site()
    without_uid = changed(ORDER, ZDS=None)
    assert here.code(without_uid) == "AA"
    [before] = here.worklist.find()
    later = changed(without_uid, ORC={1: "XO"}, OBR={27: "^^^20261122080000"}, MSH={10: "M2"})
    assert here.code(later) == "AA"
    [after] = here.worklist.find()
    assert after.id == before.id
    assert after.text("ScheduledProcedureStepStartDate") == "20261122"
    assert after.text("StudyInstanceUID") == before.text("StudyInstanceUID")


def test_a_field_that_is_empty_says_nothing_and_one_that_is_deleted_empties(site):
    here = site()
    order = changed(ORDER, PID={7: "", 8: '""'})
    assert here.code(order) == "AA"
    [step] = here.worklist.find()
    assert "PatientBirthDate" not in step.dataset
    assert step.text("PatientSex") == ""
    assert "PatientSex" in step.dataset


@pytest.mark.parametrize("control", ["CA", "OC", "DC"])
def test_a_cancelled_order_leaves_the_worklist(site, control):
    here = site()
    here.code(ORDER)
    short = changed(ORDER, ORC={1: control}, OBR={20: ""}, MSH={10: "M2"})
    assert here.code(short) == "AA"  # without the step: all of the order
    assert [each.state for each in here.worklist.find()] == [State.DISCONTINUED]


@pytest.mark.parametrize(
    ("status", "state"),
    [("IP", State.STARTED), ("CM", State.COMPLETED), ("CA", State.DISCONTINUED)],
)
def test_a_status_takes_the_step_on(site, status, state):
    here = site()
    here.code(ORDER)
    assert here.code(changed(ORDER, ORC={1: "SC", 5: status}, MSH={10: "M2"})) == "AA"
    assert [each.state for each in here.worklist.find()] == [state]


def test_a_step_under_way_is_not_cancelled(site):
    here = site()
    here.code(ORDER)
    [step] = here.worklist.find()
    here.worklist.change_state(step.id, State.STARTED)
    answer = here.send(changed(ORDER, ORC={1: "CA"}, MSH={10: "M2"}))
    assert answer[1][1] == "AE"
    assert "is started: too late to cancel it" in answer[1][3]
    assert [each.state for each in here.worklist.find()] == [State.STARTED]


def test_an_order_that_was_cancelled_does_not_come_back(site):
    here = site()
    here.code(ORDER)
    here.code(changed(ORDER, ORC={1: "CA"}, MSH={10: "M2"}))
    assert here.code(changed(ORDER, ORC={1: "XO"}, MSH={10: "M3"})) == "AE"
    assert [each.state for each in here.worklist.find()] == [State.DISCONTINUED]


def test_several_orders_share_their_study(site):
    """IHE RAD-4: each ORC and OBR is a step, ZDS stands at the end for all."""
    here = site()
    second = changed(ORDER, OBR={20: "SPS2", 4: "CTABD^CT abdomen^LOCAL"})[3:5]
    assert here.code((*ORDER[:5], *second, ORDER[5])) == "AA"
    steps = here.worklist.find()
    assert [each.text("ScheduledProcedureStepID") for each in steps] == ["SPS1", "SPS2"]
    assert {each.text("StudyInstanceUID") for each in steps} == {"1.2.3.4"}


def test_of_a_message_with_one_bad_order_no_order_is_taken(site):
    here = site()
    bad = changed(ORDER, OBR={20: "SPS2", 27: "", 24: ""}, ORC={7: ""})[3:5]
    answer = here.send((*ORDER[:5], *bad, ORDER[5]))
    assert answer[1][1] == "AE"
    assert here.worklist.find() == []


def test_two_steps_of_one_name_are_told_apart_or_refused(site):
    here = site()
    assert here.code((*ORDER[:5], *ORDER[3:5], ORDER[5])) == "AE"
    assert here.worklist.find() == []


# --- public samples -----------------------------------------------------------------------------

# The OMI^O23 of the documentation of Chinlinlee's raccoon-dicom, made after the MESA tools; its
# AE titles and its physician, who are longer than AE and PN allow, are shorter here.
MESA = (
    (
        "MSH|^~\\&|MESA_OF|XYZ_RADIOLOGY|MESA_IM|XYZ_IMAGE_MANAGER|20220324193155||OMI^O23^OMI_O23"
        "|1001125|P|2.5.1||||||8859/1"
    ),
    (
        "PID|||PATID1234^5^M11||JONES^WILLIAM^A^III||19610615|M-||2106-3|1200 N ELM STREET^^"
        "GREENSBORO^NC^27401-1020|GL|(919)379-1212|(919)271-3434~(919)277-3114||S"
    ),
    "NTE|||PatientComments",
    "PV1||E||||||^ReferringPhysicianFN^ReferringPhysicianGN^RefPhysMN^^DR^Md",
    (
        "ORC|NW|PlacerOrderNumberImagingServiceRequest|FillerOrderNumberImagingServiceRequest||SC"
        "||^^^^^RequestedProcedurePriority"
    ),
    "TQ1|||||||20000816151000||T",
    (
        "OBR||PlacerOrderNumberImagingServiceRequest|FillerOrderNumberImagingServiceRequest"
        "|10637-7^Microscopic Observation^LN"
    ),
    "OBX|1|ST|^Body Weight||65|kg|||||F",
    (
        "IPC|ACC-shi3Ub|RP-chaeF9|1.2.392.200036.9125.0.198811291108.7|SPS-johs4U|CT"
        "|10637-7^Microscopic Observation^LN|ScheduledStation|ScheduledProcSte|AET1~AET2"
    ),
)


def test_an_imaging_order_is_read_by_its_ipc_segment(site):
    here = site()
    assert here.code(MESA) == "AA"
    [step] = here.worklist.find()
    told = {
        "PatientName": "JONES^WILLIAM^A^^III",
        "ReferringPhysicianName": ("ReferringPhysicianFN^ReferringPhysicianGN^RefPhysMN^DR^Md"),
        "AccessionNumber": "ACC-shi3Ub",
        "RequestedProcedureID": "RP-chaeF9",
        "StudyInstanceUID": "1.2.392.200036.9125.0.198811291108.7",
        "ScheduledProcedureStepID": "SPS-johs4U",
        "ScheduledStationAETitle": "AET1\\AET2",
        "ScheduledProcedureStepStartDate": "20000816",
        "ScheduledProcedureStepStartTime": "151000",
    }
    assert {keyword: step.text(keyword) for keyword in told} == told


def test_each_imaging_procedure_control_is_a_step(site):
    here = site()
    second = MESA[-1].replace("SPS-johs4U", "SPS-2").replace("AET1~AET2", "AET3")
    assert here.code((*MESA, second)) == "AA"
    assert [each.text("ScheduledStationAETitle") for each in here.worklist.find()] == [
        "AET1\\AET2",
        "AET3",
    ]


# From a test of "demo-pug-spring" on GitHub: a Portuguese hospital's order, shortened.
CCTV = (
    "MSH|^~\\&|MCDTS|CCTV|PACS_CCTV|CCTV|20201103124625||ORM^O01|20263428|P|2.4|||AL",
    "PID|||JMS43417401^^^JMS^NS|244288437^^^NIF^PT|CUNHA^LETICIA^SOFIA||19830224000000|F",
    "PV1||Consultas|3",
    "ORC|NW||CCTV2020118074||||1.000",
    (
        "OBR|||CCTV2020118074|62009903^ECO PELVICA|||20201103124613|20201103124613|||||||||||||"
        "US_CCTV|||US_CCTV|||1^^^20201103124613"
    ),
)


def test_an_order_with_a_filler_number_alone_needs_the_site_s_mapping(site, tmp_path, mapping):
    """Its OBR-24 is a service of that site, not a modality."""
    text = mapping.read_text("utf-8") + 'US_CCTV = "US1"\n[tables.modality]\nUS_CCTV = "US"\n'
    text = text.replace(
        'Modality = ["IPC-5.1", "OBR-24.1", "AIG-4.1"]',
        'Modality = [{ from = "OBR-24.1", table = "modality" }, "OBR-24.1"]',
    )
    (tmp_path / "cctv.toml").write_text(text, "utf-8")
    here = site(mapping=str(tmp_path / "cctv.toml"))
    answer = here.send(CCTV)
    assert answer[1][:2] == ["MSA", "CA"]  # it asks for commit acknowledgements
    [step] = here.worklist.find()
    assert step.text("Modality") == "US"
    assert step.text("AccessionNumber") == "CCTV2020118074"
    assert step.text("PatientBirthDate") == "19830224"
