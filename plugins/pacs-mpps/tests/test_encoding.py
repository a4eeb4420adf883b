"""What is kept of what came: the same to pydicom, whichever way it was read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.packed import unpack
from pacs_framework.errors import QueryError
from pacs_mpps.attributes import read, tag_of
from pacs_mpps.encoding import receive, received

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from mpps_peers import begun, ended

EXPLICIT, IMPLICIT = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)
SYNTAXES = [EXPLICIT, IMPLICIT, str(ExplicitVRBigEndian), str(DeflatedExplicitVRLittleEndian)]


def with_private() -> Dataset:
    dataset = begun()
    dataset.private_block(0x0009, "ACME", create=True).add_new(1, "LO", "ours")
    return dataset


def of_undefined_length() -> Dataset:
    dataset = ended("1.2.3", "1.2.4")
    dataset["PerformedSeriesSequence"].is_undefined_length = True
    dataset.PerformedSeriesSequence[0].is_undefined_length_sequence_item = True
    dataset.PerformedSeriesSequence[0]["ReferencedImageSequence"].is_undefined_length = True
    return dataset


def with_inner_character_set() -> Dataset:
    dataset = begun(SpecificCharacterSet="ISO_IR 100", PatientName="Schädel^Anna")
    item = dataset.ScheduledStepAttributesSequence[0]
    item.SpecificCharacterSet = "ISO_IR 144"
    item.RequestedProcedureDescription = "Череп"
    return dataset


def with_numbers() -> Dataset:
    dataset = ended("1.2.3")
    dataset.add_new(0x00180060, "DS", ["80.5", "-1e3"])
    dataset.add_new(0x00280010, "US", 512)
    dataset.add_new(0x00201209, "IS", "12")
    return dataset


MADE: list[Callable[[], Dataset]] = [
    begun,
    ended,
    lambda: ended(*(f"1.2.3.{number}" for number in range(40))),
    of_undefined_length,
    with_private,
    with_numbers,
    with_inner_character_set,
    lambda: begun(SpecificCharacterSet="ISO_IR 100"),
    lambda: begun(SpecificCharacterSet="ISO_IR 192", PatientName="Müller^Ü"),
    lambda: begun(
        SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎"
    ),
]


def values(dataset: Dataset) -> dict[str, Any]:
    """All of a data set but the character set, so that texts are compared as texts."""
    plain = dataset.to_json_dict()
    return {tag: told for tag, told in plain.items() if tag != "00080005" and not _inner(told)}


def _inner(told: dict[str, Any]) -> None:
    for item in told.get("Value", ()) if told["vr"] == "SQ" else ():
        item.pop("00080005", None)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("make", MADE)
def test_what_is_kept_says_what_came(make: Callable[[], Dataset], syntax: str) -> None:
    """In each transfer syntax and character set; what came is passed on in its own one."""
    data = encode_identifier(make(), syntax)
    wanted = decode_identifier(data, syntax)
    told = receive(data, syntax)
    kept, came = unpack(told.kept.encoded()), unpack(told.came.encoded())
    assert values(kept) == values(came)
    assert came == wanted or syntax != EXPLICIT
    assert values(kept) == values(wanted)
    assert kept.get("SpecificCharacterSet", "ISO_IR 192") == "ISO_IR 192"
    assert came.get("SpecificCharacterSet") == wanted.get("SpecificCharacterSet")


def test_what_is_plain_is_kept_byte_for_byte() -> None:
    """Also where it came without VRs."""
    dataset = ended(*(f"1.2.3.{number}" for number in range(40)))
    data = encode_identifier(dataset, EXPLICIT)
    assert receive(data, EXPLICIT).kept.encoded() == data
    assert receive(encode_identifier(dataset, IMPLICIT), IMPLICIT).kept.encoded() == data


def test_who_forgets_the_character_set_means_latin_1() -> None:
    """It is declared as what it is then."""
    data = encode_identifier(begun(PatientName="Doe^Jxhn"), EXPLICIT)
    kept = unpack(receive(data.replace(b"Jxhn", b"J\xf6hn"), EXPLICIT).kept.encoded())
    assert (str(kept.PatientName), kept.SpecificCharacterSet) == ("Doe^Jöhn", "ISO_IR 192")


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("make", [ended, of_undefined_length])
def test_what_is_cut_off_is_refused(make: Callable[[], Dataset], syntax: str) -> None:
    """At every byte: refused where the kernel's own reading refuses it, and nowhere else."""
    data = encode_identifier(make(), syntax)
    for length in range(len(data)):
        assert is_taken(receive, data[:length], syntax) == is_taken(
            decode_identifier, data[:length], syntax
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_what_is_damaged_is_refused_or_can_be_read_again(syntax: str) -> None:
    """Nothing else comes of it than `QueryError`; and nothing is taken that pydicom cannot read."""
    random, data = Random(7), encode_identifier(ended("1.2.3", "1.2.4"), syntax)
    taken = 0
    for _ in range(600):
        damaged = bytearray(data)
        for _ in range(random.randint(1, 3)):
            damaged[random.randrange(len(data))] = random.randrange(256)
        try:
            kept = receive(bytes(damaged), syntax).kept
        except QueryError:
            continue
        taken += 1
        decode_identifier(kept.encoded(), EXPLICIT)
        assert is_taken(decode_identifier, bytes(damaged), syntax)
    assert 100 < taken < 600


def is_taken(read_it: Callable[[bytes, str], object], data: bytes, syntax: str) -> bool:
    try:
        read_it(data, syntax)
    except QueryError:
        return False
    return True


def test_changes_take_the_place_of_what_was_there() -> None:
    """Sequences as a whole, the rest stays, in the order of the tags."""
    before, changes = received(begun("1.2.3")).kept, received(ended("1.2.4")).kept
    merged = before.merged(changes).encoded()
    wanted = begun("1.2.3")
    wanted.update(unpack(changes.encoded()))
    assert merged == encode_identifier(wanted, EXPLICIT)
    assert read(merged).plain


def test_what_is_added_to_an_item_is_in_what_is_encoded() -> None:
    """And nothing around it is lost."""
    kept = received(ended("1.2.3")).kept
    (item,) = kept.items("PerformedSeriesSequence")
    item.add_empty(tag_of("OperatorsName"), "PN")
    element = kept.get(tag_of("PerformedSeriesSequence"))
    assert element is not None
    element.touch()
    kept.touch()
    found = unpack(kept.encoded())
    assert found.PerformedSeriesSequence[0].OperatorsName == ""
    (reference,) = found.PerformedSeriesSequence[0].ReferencedImageSequence
    assert reference.ReferencedSOPInstanceUID == "1.2.3"


def test_an_empty_attribute_and_none_say_the_same() -> None:
    """Who repeats an item need not repeat what the archive added to it."""
    one, other = received(begun("1.2.3")).kept, received(begun("1.2.3", AccessionNumber="")).kept
    assert one.says_the_same(other)
    assert not one.says_the_same(received(begun("1.2.3", AccessionNumber="A1")).kept)
