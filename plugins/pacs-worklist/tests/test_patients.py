"""Steps and their patients: corrections by whoever makes them, links shown where asked for."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from pydicom import DataElement, Dataset
from pynetdicom.sop_class import ModalityWorklistInformationFind

from pacs_framework import hookimpl
from pacs_framework.archive.corrections import PatientKey
from pacs_worklist import plugin
from pacs_worklist.api import State, Worklist

BY = {"by": "test", "reason": "because"}
P1, P2 = PatientKey(patient_id="P1"), PatientKey(patient_id="P2", issuer="HOSP")
SECONDS = 60.0  # a test that fails waits for so long


class Site:
    """A running archive, whose worklist has followed every correction once `followed` returns."""

    def __init__(self, pacs_archive, index_url: str) -> None:
        self._more = threading.Condition()
        self._changes = 0

        @hookimpl
        def on_patient_changed(change, archive):
            plugin.on_patient_changed(change, archive)
            with self._more:
                self._changes += 1
                self._more.notify_all()

        hooks = SimpleNamespace(**{**vars(plugin), "on_patient_changed": on_patient_changed})
        self.running = pacs_archive({"worklist": hooks}, settings={"index": {"url": index_url}})
        self.patients = self.running.archive.patients
        self.worklist = Worklist(self.running.archive.tables("worklist"))

    def followed(self, changes: int) -> None:
        """Once so many changes were followed since the start."""
        with self._more:
            assert self._more.wait_for(lambda: self._changes >= changes, SECONDS), self._changes


@pytest.fixture
def site(pacs_archive, pacs_index_url):
    return Site(pacs_archive, pacs_index_url)


@pytest.fixture
def ask(pacs_association, site):
    """The answers to an identifier."""

    def find(identifier):
        association = pacs_association.pynetdicom(site.running, ModalityWorklistInformationFind)
        responses = list(association.send_c_find(identifier, ModalityWorklistInformationFind))
        association.release()
        assert responses[-1][0].Status == 0x0000
        return [each for _, each in responses if each]

    return find


def test_a_merge_reaches_the_steps_that_are_planned(site, item):
    """Of exactly that patient: another issuer is another one."""
    site.worklist.put(item())
    site.worklist.put(item(ScheduledProcedureStepID="S2", IssuerOfPatientID="ELSEWHERE"))
    site.patients.update(P2, {"PatientName": "Doe^Joan"}, **BY)
    site.patients.merge(P1, P2, **BY)
    site.followed(2)
    merged, other = site.worklist.find()
    assert [merged.text(k) for k in ("PatientID", "IssuerOfPatientID")] == ["P2", "HOSP"]
    assert merged.text("PatientName") == "Doe^Joan"
    assert other.text("PatientID") == "P1"


def test_an_update_reaches_steps_in_what_it_is_about(site, item):
    """A name that an order knew better stays; completed steps are of the same patient."""
    site.patients.update(P1, {"PatientName": "Old^Name"}, **BY)
    site.followed(1)
    done = site.worklist.put(item(PatientName="New^Name"))
    site.worklist.change_state(done.id, State.COMPLETED)
    site.patients.update(P1, {"PatientSex": "F", "PatientBirthDate": "19700101"}, **BY)
    site.followed(2)
    [step] = site.worklist.find()
    keywords = ("PatientName", "PatientSex", "PatientBirthDate")
    assert [step.text(k) for k in keywords] == ["New^Name", "F", "19700101"]


def test_a_name_that_was_emptied_stays_in_the_steps(site, item):
    """A step without one is none; what else was emptied goes, and the next change is followed."""
    site.worklist.put(item(PatientSex="M"))
    site.patients.update(P1, {"PatientName": "", "PatientSex": ""}, **BY)
    site.patients.update(P1, {"PatientBirthDate": "19700101"}, **BY)
    site.followed(2)
    [step] = site.worklist.find()
    assert step.text("PatientName") == "Doe^John"
    assert step.text("PatientSex") == ""
    assert step.text("PatientBirthDate") == "19700101"


def test_an_unmerge_leaves_the_steps_where_they_are(site, item):
    """Nobody knows any more which of them were whose."""
    site.worklist.put(item())
    site.patients.merge(P1, P2, **BY)
    site.followed(1)
    site.patients.unmerge(P1, **BY)
    site.followed(2)
    assert [step.text("PatientID") for step in site.worklist.find()] == ["P2"]


def test_linked_patients_stand_in_answers_that_ask_for_them(site, ask, item, keys):
    """The steps stay as they were, and are found by their own Patient ID."""
    site.worklist.put(item())
    site.patients.link(P1, P2, **BY)
    wanted = keys(PatientID="P1")
    [answer] = ask(wanted)
    assert "OtherPatientIDsSequence" not in answer
    wanted.OtherPatientIDsSequence = []
    [answer] = ask(wanted)
    [other] = answer.OtherPatientIDsSequence
    assert (other.PatientID, other.IssuerOfPatientID) == ("P2", "HOSP")
    assert other.TypeOfPatientID == "TEXT"
    assert ask(keys(PatientID="P2")) == []
    [step] = site.worklist.find()
    assert "OtherPatientIDsSequence" not in step.dataset


def test_a_key_with_an_impossible_value_does_not_break_a_query_for_the_linked(
    site, ask, item, keys
):
    """Nothing matches it; that is an answer, and no processing failure."""
    site.worklist.put(item())
    wanted = keys(PatientID="")
    wanted.OtherPatientIDsSequence = []
    assert len(ask(wanted)) == 1
    wanted[0x00200011] = DataElement(0x00200011, "IS", "A*", already_converted=True)
    assert ask(wanted) == []


def test_a_query_by_another_identifier_finds_the_linked(site, ask, item, keys):
    """What is answered is matched: also what the step has of its own."""
    own = Dataset()
    own.PatientID, own.TypeOfPatientID = "X9", "TEXT"
    with_own = item(PatientID="P3", ScheduledProcedureStepID="S3")
    with_own.OtherPatientIDsSequence = [own]
    site.worklist.put(item())
    site.worklist.put(with_own)
    site.patients.link(P1, P2, **BY)
    for other, patient in (("P2", ["P1"]), ("X9", ["P3"]), ("P1", [])):
        inner = Dataset()
        inner.PatientID = other
        wanted = keys(PatientID="")
        wanted.OtherPatientIDsSequence = [inner]
        assert [answer.PatientID for answer in ask(wanted)] == patient
