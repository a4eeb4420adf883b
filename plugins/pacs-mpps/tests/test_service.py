"""What modalities may tell, and what they are answered."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.network.scu import n_create, n_set
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.running import RunningArchive
from pacs_mpps import plugin
from pacs_mpps.book import Book
from pacs_mpps.model import MPPS
from pacs_mpps.tables import NAME

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from mpps_peers import Modality, begun, ended

Start = Callable[..., RunningArchive]


@pytest.fixture
def start(pacs_archive: Archives) -> Start:
    """An archive with this plugin and settings of its own."""

    def run(**own: Any) -> RunningArchive:
        return pacs_archive({NAME: plugin}, settings={"plugin": {NAME: own}})

    return run


@pytest.fixture
def modality(start: Start) -> Iterator[Modality]:
    """An association to a fresh archive with the default settings."""
    with Modality(start()) as modality:
        yield modality


def book_of(modality: Modality) -> Book:
    return Book(modality.archive.archive.tables(NAME))


def answered(
    modality: Modality, operation: str, dataset: Dataset | None, uid: str
) -> tuple[int, list[int]]:
    """Status and Attribute Identifier List of N-CREATE or N-SET; pynetdicom hides the list."""
    with modality.archive.associate(MPPS) as association:
        context = association.context_for(MPPS)
        data = None if dataset is None else encode_identifier(dataset, context.transfer_syntax)
        if operation == "N-CREATE":
            response = n_create(association, context=context, sop_instance_uid=uid, attributes=data)
        else:
            response = n_set(association, context=context, sop_instance_uid=uid, modifications=data)
    found = response.command.get("AttributeIdentifierList") or ()
    return response.status, [int(tag) for tag in found]


def test_a_step_begins_changes_and_ends(modality: Modality) -> None:
    """N-CREATE, an N-SET on the way, the last N-SET, and N-GET of what came of it."""
    uid = modality.begin("1.2.3", AccessionNumber="A1")
    on_the_way = Dataset()
    on_the_way.PerformedProcedureStepDescription = "CT of the thorax"
    assert modality.set(on_the_way, uid).Status == 0
    modality.end(uid, "1.2.3.1", "1.2.3.2")
    status, found = modality.get(uid)
    assert status.Status == 0
    assert found is not None
    assert found.PerformedProcedureStepStatus == "COMPLETED"
    assert found.PerformedProcedureStepDescription == "CT of the thorax"
    assert found.ScheduledStepAttributesSequence[0].AccessionNumber == "A1"
    assert len(found.PerformedSeriesSequence[0].ReferencedImageSequence) == 2
    recorded = book_of(modality).get(uid)
    assert recorded is not None
    assert recorded.awaited == ("1.2.3.1", "1.2.3.2")


def test_the_archive_makes_a_uid_where_the_modality_leaves_it_to_it(modality: Modality) -> None:
    """PS3.7 10.1.5.1.3: it is in the response."""
    status = modality.create(begun(), None)
    assert status.Status == 0
    (found,) = book_of(modality).find()
    assert found.step.sop_instance_uid


def test_sequences_are_replaced_as_a_whole(modality: Modality) -> None:
    """PS3.4 F.7.2.2.2: the second list of series counts, not both."""
    uid = modality.begin()
    first, second = Dataset(), Dataset()
    first.PerformedSeriesSequence = ended("1.2.1").PerformedSeriesSequence
    second.PerformedSeriesSequence = ended("1.2.2").PerformedSeriesSequence
    assert modality.set(first, uid).Status == 0
    assert modality.set(second, uid).Status == 0
    _, found = modality.get(uid)
    assert found is not None
    assert [
        each.ReferencedSOPInstanceUID
        for series in found.PerformedSeriesSequence
        for each in series.ReferencedImageSequence
    ] == ["1.2.2"]


WRONG_CREATIONS = [
    (begun(PerformedProcedureStepStatus="COMPLETED"), 0x0106, [0x00400252]),
    (begun(PerformedProcedureStepStatus="DONE"), 0x0106, [0x00400252]),
    (begun(PerformedProcedureStepStatus=""), 0x0121, [0x00400252]),
    (begun(PerformedProcedureStepStatus=None), 0x0120, [0x00400252]),
    (begun(Modality=None, PerformedStationAETitle=None), 0x0120, [0x00400241, 0x00080060]),
    (begun(PerformedProcedureStepID=""), 0x0121, [0x00400253]),
    (begun(ScheduledStepAttributesSequence=None), 0x0120, [0x00400270]),
    (begun(ScheduledStepAttributesSequence=[]), 0x0121, [0x00400270]),
    (begun(ScheduledStepAttributesSequence=[Dataset()]), 0x0120, [0x0020000D]),
    (begun(StudyInstanceUID=""), 0x0121, [0x0020000D]),
    (begun("1..3"), 0x0106, [0x0020000D]),
    (begun(PerformedProcedureStepStartDate="today"), 0x0106, [0x00400244]),
    (begun(PerformedProcedureStepStartDate="20261341"), 0x0106, [0x00400244]),
    (begun(PerformedProcedureStepStartTime="2561"), 0x0106, [0x00400245]),
    (None, 0x0120, []),
]


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize(("dataset", "status", "tags"), WRONG_CREATIONS)
def test_a_wrong_creation_is_refused_and_nothing_is_kept(
    modality: Modality, dataset: Dataset | None, status: int, tags: list[int]
) -> None:
    """PS3.4 F.7.2.1.3 and Table F.7.2-1: the status tells what, the list of attributes where."""
    assert answered(modality, "N-CREATE", dataset, str(generate_uid())) == (status, tags)
    assert book_of(modality).find() == []
    modality.begin()


WRONG_CHANGES = [
    (ended(PerformedProcedureStepEndDate=None), 0x0120, [0x00400250]),
    (ended(PerformedProcedureStepEndTime=""), 0x0121, [0x00400251]),
    (ended(PerformedSeriesSequence=None), 0x0120, [0x00400340]),
    (ended(PerformedSeriesSequence=[Dataset()]), 0x0120, [0x00181030, 0x0020000E]),
    (ended(PerformedProcedureStepStatus="STARTED"), 0x0106, [0x00400252]),
    (ended(PerformedProcedureStepStatus=""), 0x0121, [0x00400252]),
    (ended(PerformedProcedureStepEndDate="20260229"), 0x0106, [0x00400250]),
    (ended(PatientID="P2", Modality="MR"), 0x0105, [0x00100020, 0x00080060]),
    (ended("1..2"), 0x0106, [0x00081155]),
    (None, 0x0121, []),
]


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize(("changes", "status", "tags"), WRONG_CHANGES)
def test_a_wrong_change_is_refused_and_changes_nothing(
    modality: Modality, changes: Dataset | None, status: int, tags: list[int]
) -> None:
    """The step is as it was, in progress, and can still be completed."""
    uid = modality.begin()
    before = modality.get(uid)[1]
    assert answered(modality, "N-SET", changes, uid) == (status, tags)
    assert modality.get(uid)[1] == before
    modality.end(uid)


@pytest.mark.parametrize("status", ["COMPLETED", "DISCONTINUED"])
def test_a_step_that_has_ended_is_never_changed(modality: Modality, status: str) -> None:
    """0110H with Error ID A710H (PS3.4 F.7.2.2.3)."""
    uid = modality.begin()
    modality.end(uid, status=status)
    before = modality.get(uid)[1]
    answer = modality.set(ended("1.2.9"), uid)
    assert (answer.Status, answer.ErrorID) == (0x0110, 0xA710)
    assert answer.ErrorComment == "Performed Procedure Step Object may no longer be updated"
    assert modality.get(uid)[1] == before


def test_a_uid_names_one_step(modality: Modality) -> None:
    """0111H for a second one, which changes nothing of the first; 0112H where there is none."""
    uid = modality.begin("1.2.3")
    assert modality.create(begun("1.2.4"), uid).Status == 0x0111
    (found,) = book_of(modality).find()
    assert found.step.scheduled[0].study_instance_uid == "1.2.3"
    assert modality.set(ended(), "1.2.3.4").Status == 0x0112
    assert modality.get("1.2.3.4")[0].Status == 0x0112


def test_what_no_dictionary_knows_is_left_out_and_told(modality: Modality) -> None:
    """0107H with the tags; the rest is kept, private attributes with it."""
    uid = str(generate_uid())
    dataset = begun()
    dataset.add_new(0x00400FFF, "LO", "?")
    block = dataset.private_block(0x0009, "ACME", create=True)
    block.add_new(1, "LO", "ours")
    assert answered(modality, "N-CREATE", dataset, uid) == (0x0107, [0x00400FFF])
    _, found = modality.get(uid)
    assert found is not None
    assert 0x00400FFF not in found
    assert found.private_block(0x0009, "ACME")[1].value in ("ours", b"ours")


def test_attributes_that_may_not_change_may_be_said_again(modality: Modality) -> None:
    """Modalities that send all of a step with N-SET are understood."""
    uid = modality.begin("1.2.3", AccessionNumber="A1")
    _, whole = modality.get(uid)
    assert whole is not None
    whole.update(ended())
    assert modality.set(whole, uid).Status == 0


def test_text_of_several_character_sets_comes_together(modality: Modality) -> None:
    """N-CREATE in Japanese, N-SET in Latin-1: both are readable in what is kept."""
    uid = str(generate_uid())
    first = begun(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎")
    assert modality.create(first, uid).Status == 0
    second = ended(SpecificCharacterSet="ISO_IR 100", PerformedProcedureStepDescription="Schädel")
    assert modality.set(second, uid).Status == 0
    _, found = modality.get(uid)
    assert found is not None
    assert str(found.PatientName) == "Yamada^Tarou=山田^太郎"
    assert found.PerformedProcedureStepDescription == "Schädel"
    assert found.SpecificCharacterSet == "ISO_IR 192"


def test_n_get_answers_for_what_is_asked(modality: Modality) -> None:
    """0001H lists what the step lacks (PS3.4 F.8.2.1.3)."""
    uid = modality.begin()
    status, found = modality.get(uid, [0x00100020, 0x00400252])
    assert found is not None
    assert (status.Status, found.PatientID, len(found)) == (0, "P1", 2)
    status, found = modality.get(uid, [0x00100020, 0x00180060])
    assert (status.Status, list(found or ())) == (0x0001, [found["PatientID"]])


def test_a_strict_archive_wants_type_2_attributes_and_a_series(start: Start) -> None:
    """Table F.7.2-1 to the letter, where that is set."""
    with Modality(start(strict=True)) as modality:
        status, tags = answered(modality, "N-CREATE", begun(), str(generate_uid()))
        assert status == 0x0120
        assert 0x00100030 in tags


def test_a_step_may_be_discontinued_before_there_was_a_series(modality: Modality) -> None:
    """Unless the archive is strict: nothing was made, and the modality says so."""
    uid = modality.begin()
    modality.end(uid, status="DISCONTINUED", PerformedSeriesSequence=None)


def test_other_operations_are_none_of_this_service(modality: Modality) -> None:
    """0211H for N-DELETE (PS3.7 C.5.23)."""
    uid = modality.begin()
    assert modality.association.send_n_delete(MPPS, uid).Status == 0x0211
