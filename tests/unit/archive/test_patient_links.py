"""Links of patients: two that are one person, of whom neither goes (HL7 A24, A37)."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from pydicom import Dataset

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.changes import ChangeKind
from pacs_framework.archive.corrections import CorrectionKind, PatientKey
from pacs_framework.archive.outgoing import Recipient
from pacs_framework.archive.query_keys import Root
from pacs_framework.archive.reindex import reindex
from pacs_framework.archive.verify import verify
from pacs_framework.dicom.attributes import Level
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.errors import CorrectionRefused
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.database import open_database
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_framework.testing.scene import Scene

BY = {"by": "test", "reason": "because"}
A, B, C, D = (PatientKey(patient_id=name) for name in "ABCD")
B_THERE = PatientKey(patient_id="B", issuer="THERE")


def store(archive: Archive, number: int, patient: str, **values: object) -> None:
    study = f"1.2.{ord(patient)}"
    image = mr_image(
        number,
        **{
            "PatientID": patient,
            "PatientName": f"Name^{patient}",
            "StudyInstanceUID": study,
            "SeriesInstanceUID": f"{study}.1",
            **values,
        },
    )
    send(archive, encoded(image), announced(number))


def item(patient_id: str, issuer: str = "") -> Dataset:
    dataset = Dataset()
    dataset.PatientID = patient_id
    if issuer:
        dataset.IssuerOfPatientID = issuer
    return dataset


def others(dataset: Dataset) -> list[tuple[str, str]]:
    items = dataset.get("OtherPatientIDsSequence") or ()
    return [(each.PatientID, each.get("IssuerOfPatientID", "")) for each in items]


def sent(archive: Archive, number: int) -> Dataset:
    """The header of an instance as a recipient gets it."""
    opener = archive.retrieve.opener(Recipient(door="get", aet="TEST"))
    wanted = Dataset()
    wanted.SOPInstanceUID = f"1.2.3.4.{number}"
    (stored,) = archive.retrieve.locate(Level.IMAGE, Root.STUDY, wanted, relational=True)
    with closing(opener.open(stored).data) as data:
        return load_header(data, stored.transfer_syntax_uid)


def find(archive: Archive, other: str = "", **wanted: str) -> list[tuple[str, object]]:
    """Patient ID and other identifiers of the patients that match."""
    identifier = Dataset()
    identifier.PatientID = wanted.get("PatientID", "")
    identifier.OtherPatientIDsSequence = [item(other)] if other else []
    found = archive.query.find(Level.PATIENT, Root.PATIENT, identifier)
    return sorted((each.PatientID, others(each)) for each in found)


def test_what_is_retrieved_of_one_names_the_other(archive: Archive) -> None:
    """In Other Patient IDs Sequence, with what was there before in Original Attributes."""
    store(archive, 1, "A")
    store(archive, 2, "B")
    assert archive.patients.link(A, B, **BY) is not None
    header = sent(archive, 1)
    assert header.PatientID == "A"
    assert str(header.PatientName) == "Name^A"
    assert others(header) == [("B", "")]
    assert header.OtherPatientIDsSequence[0].TypeOfPatientID == "TEXT"
    [original] = header.OriginalAttributesSequence
    assert original.ReasonForTheAttributeModification == "COERCE"
    assert others(original.ModifiedAttributesSequence[0]) == []
    assert "OtherPatientIDsSequence" in original.ModifiedAttributesSequence[0]
    assert others(sent(archive, 2)) == [("A", "")]
    assert sent(archive, 1) == header
    assert list(verify(archive)) == []


def test_identifiers_that_an_instance_has_itself_stay_and_are_not_doubled(
    archive: Archive,
) -> None:
    store(archive, 1, "A", OtherPatientIDsSequence=[item("X", "ELSEWHERE"), item("B", "THERE")])
    archive.patients.link(A, B_THERE, **BY)
    assert "OriginalAttributesSequence" not in sent(archive, 1)
    archive.patients.link(A, B, **BY)
    header = sent(archive, 1)
    assert others(header) == [("X", "ELSEWHERE"), ("B", "THERE"), ("B", "")]
    [original] = header.OriginalAttributesSequence
    before = original.ModifiedAttributesSequence[0]
    assert others(before) == [("X", "ELSEWHERE"), ("B", "THERE")]


def test_queries_name_the_other_where_they_ask_for_it_and_find_by_the_own_key(
    archive: Archive,
) -> None:
    """A query by one Patient ID does not give the other's studies."""
    store(archive, 1, "A")
    store(archive, 2, "B")
    store(archive, 3, "C")
    archive.patients.link(A, B, **BY)
    assert find(archive) == [("A", [("B", "")]), ("B", [("A", "")]), ("C", [])]
    assert find(archive, PatientID="A") == [("A", [("B", "")])]
    assert find(archive, other="A") == [("B", [("A", "")])]


def test_links_of_links_count(archive: Archive) -> None:
    """Whoever is connected is one person, until a link in between goes."""
    archive.patients.link(A, B, **BY)
    archive.patients.link(B, C, **BY)
    assert archive.patients.linked(A) == (B, C)
    with pytest.raises(CorrectionRefused, match="by way of others alone"):
        archive.patients.unlink(A, C, **BY)
    archive.patients.unlink(C, B, **BY)
    assert [archive.patients.linked(key) for key in (A, B, C)] == [(B,), (A,), ()]


def test_both_need_no_instances_and_those_that_come_later_are_of_the_linked(
    archive: Archive,
) -> None:
    archive.patients.link(A, B_THERE, **BY)
    store(archive, 1, "A")
    assert others(sent(archive, 1)) == [("B", "THERE")]
    found = archive.patients.find(B_THERE)
    assert found is not None
    assert (found.linked, found.instances) == ((A,), 0)


def test_again_is_no_link_more(archive: Archive) -> None:
    """In either order; and taking back what is not there is nothing either."""
    assert archive.patients.unlink(A, B, **BY) is None
    assert archive.patients.link(A, B, **BY) is not None
    assert archive.patients.link(B, A, **BY) is None
    assert archive.patients.unlink(B, A, **BY) is not None
    assert archive.patients.unlink(A, B, **BY) is None
    kinds = [each.kind for each in archive.patients.history()]
    assert kinds == [CorrectionKind.LINK, CorrectionKind.UNLINK]
    assert archive.patients.linked(A) == ()


def test_each_of_the_two_gets_a_change_row(archive: Archive, scene: Scene) -> None:
    archive.patients.link(A, B_THERE, **BY)
    archive.patients.unlink(A, B_THERE, **BY)
    changes = ChangeReader(scene.database).after(0, 9)
    assert [(each.kind, each.patient_id, each.issuer_of_patient_id) for each in changes] == [
        (ChangeKind.PATIENT_LINKED, "A", ""),
        (ChangeKind.PATIENT_LINKED, "B", "THERE"),
        (ChangeKind.PATIENT_UNLINKED, "A", ""),
        (ChangeKind.PATIENT_UNLINKED, "B", "THERE"),
    ]


def test_a_merge_takes_the_links_along_and_an_unmerge_gives_them_back(archive: Archive) -> None:
    store(archive, 1, "A")
    store(archive, 2, "C")
    archive.patients.link(A, B, **BY)
    archive.patients.merge(A, C, **BY)
    assert archive.patients.linked(C) == (B,)
    assert archive.patients.linked(A) == (B,)
    assert archive.patients.linked(B) == (C,)
    assert others(sent(archive, 1)) == others(sent(archive, 2)) == [("B", "")]
    archive.patients.unmerge(A, **BY)
    assert archive.patients.linked(A) == (B,)
    assert archive.patients.linked(C) == ()
    assert others(sent(archive, 2)) == []


def test_a_merge_of_linked_patients_leaves_one_without_links(archive: Archive) -> None:
    """And undone, they are linked again."""
    store(archive, 1, "A")
    archive.patients.link(A, B, **BY)
    archive.patients.merge(A, B, **BY)
    assert archive.patients.linked(B) == ()
    assert others(sent(archive, 1)) == []
    for refused in (archive.patients.link, archive.patients.unlink):
        with pytest.raises(CorrectionRefused, match="were merged, so they are one patient"):
            refused(A, B, **BY)
    archive.patients.unmerge(A, **BY)
    assert archive.patients.linked(B) == (A,)


def test_a_new_identifier_keeps_the_links(archive: Archive) -> None:
    """And an identifier that is linked is no new one."""
    archive.patients.link(A, B, **BY)
    archive.patients.change_id(A, D, **BY)
    assert archive.patients.linked(B) == (D,)
    with pytest.raises(CorrectionRefused, match="a patient of the new key already"):
        archive.patients.change_id(C, B, **BY)


def test_what_cannot_be_linked_changes_nothing(archive: Archive, scene: Scene) -> None:
    for one, other, why in (
        (A, A, "not linked with itself"),
        (A, PatientKey(patient_id=" "), "without Patient ID"),
        (A, PatientKey(patient_id="x" * 65), "takes up to 64"),
        (A, PatientKey(patient_id="B\\C"), "backslash"),
        (A, PatientKey(patient_id="B", issuer="\udcff"), "no text"),
    ):
        with pytest.raises(CorrectionRefused, match=why):
            archive.patients.link(one, other, **BY)
    assert archive.patients.history() == []
    assert ChangeReader(scene.database).after(0, 9) == []


def test_no_person_has_identifiers_without_end(archive: Archive) -> None:
    """Each instance would carry them all."""
    keys = [PatientKey(patient_id=str(number)) for number in range(51)]
    for other in keys[1:50]:
        archive.patients.link(keys[0], other, **BY)
    with pytest.raises(CorrectionRefused, match="more than 50 patients"):
        archive.patients.link(keys[25], keys[50], **BY)
    assert len(archive.patients.linked(keys[0])) == 49


def test_a_rebuilt_index_has_the_links(scene: Scene, pacs_index_url: str) -> None:
    archive = scene.archive()
    store(archive, 1, "A")
    archive.patients.link(A, B, **BY)
    archive.patients.link(B, C, **BY)
    header, history = sent(archive, 1), archive.patients.history()
    scene.database.close()
    scene.end()
    assert list(reindex(pacs_index_url, scene.storage, scene.data)) == []
    scene.database = open_database(pacs_index_url)
    again = scene.archive()
    assert sent(again, 1) == header
    assert again.patients.history() == history
    assert again.patients.unlink(B, C, **BY) is not None
    assert again.patients.linked(A) == (B,)
    scene.end()  # before its database is closed
    scene.database.close()


def test_links_from_many_threads_are_one_group(archive: Archive) -> None:
    keys = [PatientKey(patient_id=str(number)) for number in range(8)]
    failures: list[BaseException] = []

    def link(number: int) -> None:
        try:
            archive.patients.link(keys[number], keys[number + 1], **BY)
        except BaseException as error:  # noqa: BLE001 - whatever went wrong in the thread
            failures.append(error)

    threads = [threading.Thread(target=link, args=(number,)) for number in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert all(set(archive.patients.linked(key)) == set(keys) - {key} for key in keys)
