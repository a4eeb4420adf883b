"""Corrected patients and plugins: who is told, and what is shown to whom."""

from __future__ import annotations

from contextlib import closing

from pydicom import Dataset

from pacs_framework.archive.changes import Change, ChangeKind
from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.incoming import Coercion
from pacs_framework.archive.outgoing import OutgoingInstance, Recipient
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.hookspecs import hookimpl
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.hooks import HookRecorder
from pacs_framework.testing.instances import make_instance

BY = {"by": "test", "reason": "because"}


class Pseudonyms:
    """Names every patient by what it is shown of it."""

    @hookimpl
    def on_retrieve(self, instance: OutgoingInstance) -> Coercion:
        dataset = instance.dataset()
        dataset.PatientName = f"Pseudonym^{instance.attributes['PatientID']}"
        return Coercion(dataset=dataset)


def test_consumers_of_instances_do_not_hear_of_patients(
    pacs_archive: Archives, pacs_hooks: HookRecorder
) -> None:
    """But their cursors go on."""
    key = PatientKey(patient_id="X")
    running = pacs_archive({"recorder": pacs_hooks})
    running.archive.patients.update(key, {"PatientSex": "F"}, **BY)
    running.take_in(make_instance(PatientID="X"))
    (call,) = pacs_hooks.wait_for("on_stored")
    change: Change = call["change"]
    assert (change.kind, change.patient_id) == (ChangeKind.STORED, "X")
    assert change.sequence == 2


def test_on_retrieve_is_asked_about_the_patient_that_holds(pacs_archive: Archives) -> None:
    """And its answer comes last."""
    running = pacs_archive({"pseudonyms": Pseudonyms()})
    instance = make_instance(PatientID="OLD")
    running.take_in(instance)
    archive = running.archive
    archive.patients.merge(PatientKey(patient_id="OLD"), PatientKey(patient_id="NEW"), **BY)
    opener = archive.retrieve.opener(Recipient(door="get", aet="TRIAL"))
    wanted = Dataset()
    wanted.StudyInstanceUID = instance.StudyInstanceUID
    (stored,) = archive.retrieve.locate(Level.STUDY, Root.STUDY, wanted)
    opened = opener.open(stored)
    with closing(opened.data) as data:
        header = load_header(data, opened.instance.transfer_syntax_uid)
    assert (header.PatientID, header.PatientName) == ("NEW", "Pseudonym^NEW")
