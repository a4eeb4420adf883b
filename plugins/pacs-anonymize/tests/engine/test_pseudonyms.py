"""Pseudonyms: the same everywhere with one key, valid, and known again by those who made them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.pseudonyms import Pseudonyms
from pacs_framework.dicom.uids import UidForm, uid_form

KEY = b"a key of the tests"
SAME = """
from pacs_anonymize.engine.pseudonyms import Pseudonyms
made = Pseudonyms(b"a key of the tests")
print(made.uid("1.2.3"), made.code("patient", "4711"), made.shift("ABC"))
"""

uids = st.from_regex(r"[1-2](\.(0|[1-9][0-9]{0,6})){2,8}", fullmatch=True)


def test_a_short_key_is_refused():
    """It could be guessed from a known patient's pseudonym."""
    with pytest.raises(ValueError, match="needs 16"):
        Pseudonyms(b"x" * 15)


@given(uid=uids)
def test_a_uid_becomes_a_valid_one_that_is_known_again(uid):
    """PS3.5 B.2: 2.25 and a UUID."""
    made = Pseudonyms(KEY)
    new = made.uid(uid)
    assert uid_form(new) is UidForm.VALID
    assert new.startswith("2.25.")
    assert made.is_own_uid(new)
    assert made.uid(new) == new
    assert new != uid
    assert not Pseudonyms(KEY[::-1]).is_own_uid(new)


@given(identifier=st.text(min_size=1))
def test_a_code_fits_every_text_vr(identifier):
    """Sixteen capitals and digits, known again."""
    made = Pseudonyms(KEY)
    code = made.code("patient", identifier)
    assert len(code) == 16
    assert code.isascii()
    assert code.isalnum()
    assert made.is_own_code(code)
    assert made.code("patient", code) == code


def test_strange_uids_and_codes_are_not_taken_for_own_ones():
    """Neither UUIDs of others, nor what looks like a code."""
    made = Pseudonyms(KEY)
    for uid in ("2.25.0", "2.25.1", "2.25.329800735698586629295641978511506172918", "2.25", ""):
        assert not made.is_own_uid(uid)
    assert not made.is_own_code("ABCDEFGHIJKLMNOP")
    assert made.uid("2.25.1") != "2.25.1"


def test_two_processes_find_the_same():
    """And so do two nodes: nothing but the key goes in."""
    done = [
        subprocess.run([sys.executable, "-c", SAME], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    made = Pseudonyms(KEY)
    here = f"{made.uid('1.2.3')} {made.code('patient', '4711')} {made.shift('ABC')}\n"
    assert {each.stdout for each in done} == {here}


def test_the_issuer_makes_two_patients_of_one_number(through):
    """The name does not: it is spelt in many ways."""

    def code(name, issuer):
        dataset = Dataset()
        dataset.PatientID, dataset.PatientName = "17", name
        if issuer:
            dataset.IssuerOfPatientID = issuer
        return through(dataset).PatientID

    assert code("A^B", "") == code("A B", "")
    assert code("A^B", "X") == code("B^A", "X")
    assert code("A^B", "X") != code("A^B", "Y")


def test_name_and_number_are_one_pseudonym(through):
    """So that lists show who belongs together; in items too, of whoever is meant there."""
    dataset = Dataset()
    dataset.PatientID, dataset.PatientName = "17", "A^B"
    other, same = Dataset(), Dataset()
    other.PatientID = "18"
    same.PatientName = "A^B"
    dataset.AnatomicRegionSequence = [other, same]
    after = through(dataset)
    assert str(after.PatientName) == after.PatientID
    assert after.AnatomicRegionSequence[0].PatientID != after.PatientID
    assert str(after.AnatomicRegionSequence[1].PatientName) == after.PatientID


def test_without_a_number_the_study_tells_patients_apart(through):
    """Unknown patients of two studies do not become one."""

    def code(study):
        dataset = Dataset()
        dataset.StudyInstanceUID, dataset.PatientID = study, ""
        return through(dataset).PatientID

    assert code("1.2.3") == code("1.2.3")
    assert code("1.2.3") != code("1.2.4")


def test_registered_uids_stay_and_instances_do_not(through):
    """A well-known frame of reference is nobody's; a class may be private."""
    dataset = Dataset()
    dataset.SOPClassUID = "1.3.12.2.1107.5.9.1"
    dataset.FrameOfReferenceUID = "1.2.840.10008.1.4.1.1"
    dataset.SynchronizationFrameOfReferenceUID = "1.2.840.10008.99.1"
    dataset.ReferencedFrameOfReferenceUID = "1.2.840.10008.15.1.1"
    dataset.RepositoryUniqueID = "1.2.3.4"
    after = through(dataset)
    assert after.SOPClassUID == "1.3.12.2.1107.5.9.1"
    assert after.FrameOfReferenceUID == "1.2.840.10008.1.4.1.1"
    assert after.SynchronizationFrameOfReferenceUID.startswith("2.25.")
    assert after.RepositoryUniqueID.startswith("2.25.")


def test_what_is_no_uid_is_never_kept(through):
    """Not even where UIDs are retained."""
    dataset = Dataset()
    dataset.StudyInstanceUID = "1.2.3"
    dataset.FrameOfReferenceUID = "JOHN.DOE"
    after = through(dataset, Option.RETAIN_UIDS)
    assert after.StudyInstanceUID == "1.2.3"
    assert after.FrameOfReferenceUID.startswith("2.25.")


def test_specimens_stay_apart(through):
    """Identifiers that tell things apart become pseudonyms, not one dummy."""
    dataset = Dataset()
    items = []
    for identifier in ("S1", "S2", "S1"):
        item = Dataset()
        item.SpecimenIdentifier = identifier
        items.append(item)
    dataset.SpecimenDescriptionSequence = items
    after = through(dataset).SpecimenDescriptionSequence
    one, two, three = (item.SpecimenIdentifier for item in after)
    assert one == three != two
