"""What is read of stored headers is remembered: never stale, never much, and the same each time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from pacs_framework.archive import header_memory
from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.deletions import Target
from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.index.entry import DuplicatePolicy


def _series(made, *asked: str) -> Dataset:
    """The series of the study 1.2.1, with what is only in headers."""
    keys = made.keys(StudyInstanceUID="1.2.1", **dict.fromkeys(asked, ""))
    (found,) = made.archive.query.find(Level.SERIES, Root.STUDY, keys, relational=True)
    return found


def _opened(made) -> int:
    return made.steps.count("open")


def test_a_search_that_comes_again_opens_no_object(empty):
    empty.store(empty.instance("1.1.1", ProtocolName="Head", PatientComments="x"))
    for _ in range(3):
        assert _series(empty, "ProtocolName").ProtocolName == "Head"
    assert _opened(empty) == 1
    # Other attributes were not read yet.
    assert _series(empty, "ProtocolName", "PatientComments").PatientComments == "x"
    assert _opened(empty) == 2


def test_an_instance_that_takes_the_place_of_another_is_told(open_archive, tmp_path):
    """Replaced, or deleted: then the next one speaks for the series."""
    url = f"sqlite:///{tmp_path / 'replacing.db'}"
    with open_archive(url, tmp_path, duplicates=DuplicatePolicy.REPLACE) as made:
        for protocol in ("one", "two"):
            made.store(made.instance("1.1.1", ProtocolName=protocol))
            assert _series(made, "ProtocolName").ProtocolName == protocol
        made.store(made.instance("1.1.2", ProtocolName="three"))
        assert _series(made, "ProtocolName").ProtocolName == "two"
        target = Target(study="1.2.1", instance="1.2.1.1.1")
        made.archive.deleting.delete(target, by="t", reason="t", origin=Origin(door="test"))
        assert _series(made, "ProtocolName").ProtocolName == "three"


def test_of_several_senders_the_first_by_name_speaks_for_a_series(empty):
    """And of one sender the instance that came first, however many came behind it."""
    empty.store(empty.instance("1.1.1", ProtocolName="B first"), sender="SENDER_B")
    assert _series(empty, "ProtocolName").ProtocolName == "B first"
    for number in (2, 3):
        empty.store(empty.instance(f"1.1.{number}", ProtocolName=f"A {number}"), sender="SENDER_A")
    assert _series(empty, "ProtocolName").ProtocolName == "A 2"


def test_each_series_of_a_page_has_its_own(empty):
    for series in (1, 2, 3):
        for number in (1, 2):
            name = f"{series}-{number}"
            empty.store(empty.instance(f"1.{series}.{number}", ProtocolName=name))
    found = empty.values(Level.SERIES, "ProtocolName", StudyInstanceUID="1.2.1")
    assert found == ["1-1", "2-1", "3-1"]


def test_a_correction_holds_at_once_and_the_last_one(empty):
    """What is remembered is what is stored; what was corrected comes on top, each time."""
    empty.store(empty.instance("1.1.1", EthnicGroup="stored"))
    assert _series(empty, "EthnicGroup").EthnicGroup == "stored"
    for corrected in ("first", "second"):
        empty.archive.patients.update(
            PatientKey(patient_id="P1"), {"EthnicGroup": corrected}, by="t", reason="t"
        )
        assert _series(empty, "EthnicGroup").EthnicGroup == corrected
    assert _opened(empty) == 1


@pytest.mark.parametrize("undefined_length", [False, True])
def test_text_is_in_the_character_set_of_its_header_each_time(empty, undefined_length):
    """Also in a sequence, and though a number was looked at before."""
    stored = empty.instance("1.1.1", SpecificCharacterSet="ISO_IR 192", PatientComments="größer")
    stored.add_new(0x00280106, "US", 7)
    step = empty.keys(ScheduledProcedureStepDescription="Schädel 頭")
    stored.RequestAttributesSequence = Sequence([step])
    stored["RequestAttributesSequence"].is_undefined_length = undefined_length
    empty.store(stored)
    asked = ("SmallestImagePixelValue", "RequestAttributesSequence", "PatientComments")
    for _ in range(3):
        found = _series(empty, *asked)
        assert found.PatientComments == "größer"
        (item,) = found.RequestAttributesSequence
        assert item.ScheduledProcedureStepDescription == "Schädel 頭"
        assert found.SmallestImagePixelValue == 7
    assert _opened(empty) == 1


@pytest.mark.parametrize("in_a_sequence", [False, True])
def test_long_values_are_read_again(empty, in_a_sequence):
    """Memory is bounded by the number of headers, so none may be large."""
    stored = empty.instance("1.1.1", PatientComments="x" * 5000)
    if in_a_sequence:
        step = empty.keys(RequestedProcedureComments="x" * 5000)
        stored.RequestAttributesSequence = Sequence([step])
        stored["RequestAttributesSequence"].is_undefined_length = True
    empty.store(stored)
    asked = "RequestAttributesSequence" if in_a_sequence else "PatientComments"
    for _ in range(2):
        assert not _series(empty, asked)[asked].is_empty
    assert _opened(empty) == 2


def test_what_was_not_asked_for_longest_goes_first(empty, monkeypatch):
    """So many headers are remembered, and no more."""
    monkeypatch.setattr(header_memory, "_MOST", 2)
    for number in (1, 2, 3):
        empty.store(empty.instance(f"{number}.1.1", ProtocolName=f"p{number}"))

    def ask(number: int) -> None:
        assert empty.values(Level.SERIES, "ProtocolName", StudyInstanceUID=f"1.2.{number}") == [
            f"p{number}"
        ]

    for number in (1, 2, 1, 3):
        ask(number)
    assert _opened(empty) == 3
    ask(1)
    assert _opened(empty) == 3
    ask(2)
    assert _opened(empty) == 4


def test_many_may_ask_at_once(empty):
    """They share what was read, and nobody sees what another makes of it."""
    stored = empty.instance("1.1.1", SpecificCharacterSet="ISO_IR 192", PatientComments="größer")
    step = empty.keys(ScheduledProcedureStepDescription="Schädel")
    stored.RequestAttributesSequence = Sequence([step])
    stored.add_new(0x00280106, "US", 7)
    empty.store(stored)

    def ask(_: int) -> str:
        found = _series(
            empty, "SmallestImagePixelValue", "RequestAttributesSequence", "PatientComments"
        )
        return str(found.to_json_dict())

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(64)))) == 1
