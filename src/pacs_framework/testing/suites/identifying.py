"""Data sets full of what names a patient, and the search for what is left of it.

Each planted value holds a *mark*: letters that stand nowhere else. So what survives is found in the
encoded bytes, in whatever element it has ended up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache

from pydicom import Dataset
from pydicom.charset import convert_encodings, encode_string
from pydicom.datadict import dictionary_VR
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.testing.instances import encoded_instance, make_instance
from pacs_framework.testing.sop_classes import STORAGE_CLASSES, has_pixels

__all__ = [
    "BIRTH_DATE",
    "DATE",
    "EXPLICIT",
    "Identified",
    "Kind",
    "Planted",
    "encoded",
    "identified",
    "in_character_sets",
    "in_private_elements",
    "left",
    "of_every_class",
    "ordinary",
    "plant",
    "with_a_tail",
]

EXPLICIT = str(ExplicitVRLittleEndian)

DATE, BIRTH_DATE = "20190711", "19370213"
"""The days of all dates: what a shifted date becomes is then no other planted one."""


class Kind(Enum):
    """What a value tells, as far as the options of PS3.15 E.3 tell it apart."""

    PERSON = "who the patient is, and who treated them"
    TEXT = "whatever somebody wrote"
    DATE = "when it was"
    INSTITUTION = "where it was"
    DEVICE = "with which device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A value that must not survive: where it stands, and its bytes in every likely encoding."""

    where: str
    kind: Kind
    needles: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """An encoded data set, and what was planted in it."""

    encoded: bytes
    planted: tuple[Planted, ...]
    transfer_syntax: str = EXPLICIT


# Each is one whose value PS3.15 Table E.1-1 removes or replaces in the Basic Profile.
_KEYWORDS = {
    Kind.PERSON: (
        *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "OtherPatientIDs"),
        *("OtherPatientNames", "PatientBirthName", "PatientMotherBirthName", "PatientAddress"),
        *("PatientTelephoneNumbers", "PatientTelecomInformation", "MedicalRecordLocator"),
        *("ResponsiblePerson", "InsurancePlanIdentification", "RegionOfResidence", "AdmissionID"),
        *("PatientReligiousPreference", "AccessionNumber", "StudyID", "RequestedProcedureID"),
        *("FillerOrderNumberImagingServiceRequest", "PlacerOrderNumberImagingServiceRequest"),
        *("ReferringPhysicianName", "ReferringPhysicianAddress", "PerformingPhysicianName"),
        *("ReferringPhysicianTelephoneNumbers", "PhysiciansOfRecord", "RequestingPhysician"),
        *("NameOfPhysiciansReadingStudy", "OperatorsName", "ScheduledPerformingPhysicianName"),
        *("PersonName", "PersonAddress", "PersonTelephoneNumbers"),
    ),
    Kind.TEXT: (
        *("StudyDescription", "SeriesDescription", "AdmittingDiagnosesDescription"),
        *("PatientComments", "AdditionalPatientHistory", "ProtocolName", "ImageComments"),
        *("AcquisitionComments", "DerivationDescription", "ReasonForStudy", "StudyComments"),
        *("RequestedProcedureDescription", "RequestedProcedureComments", "InterpretationText"),
        *("CommentsOnThePerformedProcedureStep", "PerformedProcedureStepDescription"),
    ),
    Kind.DATE: (
        *("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "AcquisitionDateTime"),
        *("AdmittingDate", "PerformedProcedureStepStartDate", "ScheduledProcedureStepStartDate"),
    ),
    Kind.INSTITUTION: (*("InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName"),),
    Kind.DEVICE: ("StationName", "DeviceSerialNumber", "GantryID", "PerformedStationName"),
}

_CHAINS = (
    (),
    ("RequestAttributesSequence",),
    ("PerFrameFunctionalGroupsSequence", "FrameContentSequence"),
    ("SharedFunctionalGroupsSequence", "DerivationImageSequence", "SourceImageSequence"),
)
"""Sequences inside each other, of those that an anonymizer has reason to keep."""


@cache
def ordinary() -> Identified:
    """An image with every attribute that names somebody, and with them in three sequences more."""
    planted: list[Planted] = []
    dataset = _image()
    marks = _marks()
    for chain in _CHAINS:
        inner = _descend(dataset, chain)
        for kind, keywords in _KEYWORDS.items():
            for keyword in keywords:
                where = " > ".join((*chain, keyword))
                planted.append(plant(inner, keyword, kind, next(marks), where))
    return identified(dataset, planted)


def plant(dataset: Dataset, keyword: str, kind: Kind, mark: str, where: str = "") -> Planted:
    """Give the attribute ``keyword`` a valid value with ``mark``, or for dates the day of all."""
    vr = dictionary_VR(keyword)
    day = BIRTH_DATE if "Birth" in keyword else DATE
    if vr in ("DA", "DT"):
        setattr(dataset, keyword, day if vr == "DA" else f"{day}101112")
        return Planted(where=where or keyword, kind=kind, needles=(day.encode(),))
    setattr(dataset, keyword, _AS_VALUE.get(vr, "{0}").format(mark))
    return Planted(where=where or keyword, kind=kind, needles=(mark.lower().encode(),))


_AS_VALUE = {"PN": "{0}^{0}", "LT": "seen together with {0} at noon"}


@cache
def in_private_elements() -> Identified:
    """An image with names in private elements: of every kind of VR, in sequences, without block."""
    dataset = _image()
    marks = _marks()
    planted = [*_private(dataset, marks, "")]
    chain = _CHAINS[-1]
    planted += _private(_descend(dataset, chain), marks, " > ".join((*chain, "")))
    return identified(dataset, planted)


def _private(dataset: Dataset, marks: Iterator[str], where: str) -> Iterator[Planted]:
    for group in (0x0009, 0x0029):
        block = dataset.private_block(group, "PACS-FRAMEWORK TEST", create=True)
        for offset, vr in enumerate(("LO", "UN", "OB", "PN", "UT", "SH"), start=1):
            mark = next(marks)
            value = mark.encode() if vr in ("UN", "OB") else mark
            block.add_new(offset, vr, value)
            yield _person(f"{where}private {vr} in group {group:04X}", mark)
        item, mark, inner = Dataset(), next(marks), next(marks)
        item.PatientName = mark
        item.private_block(group, "PACS-FRAMEWORK TEST", create=True).add_new(1, "LO", inner)
        block.add_new(0x10, "SQ", [item])
        yield _person(f"{where}PatientName in a private sequence of group {group:04X}", mark)
        yield _person(f"{where}private LO in a private sequence of group {group:04X}", inner)
    mark = next(marks)
    dataset.add_new(0x0011_1001, "LO", mark)
    yield _person(f"{where}private LO without a block", mark)


def _person(where: str, mark: str) -> Planted:
    return Planted(where=where, kind=Kind.PERSON, needles=(mark.lower().encode(),))


# Names as PS3.5 Annexes H, I, J and K write them, in alphabetic, ideographic and phonetic groups.
_NAMES = {
    "ISO_IR 100": "Æxøqvist^Jürgün",
    "ISO_IR 144": "Люксембургвж^Щюф",
    "ISO_IR 192": "Waxng^XiaoDoqng=王王^小東",
    "GB18030": "Waxng^XiaoDoqng=王王^小东",
    "\\ISO 2022 IR 87": "Yamxada^Tarqou=山田^太郎=やまだ^たろう",
    "ISO 2022 IR 13\\ISO 2022 IR 87": "ﾔﾏｸﾀﾞ^ﾀﾛﾗｳ=山田^太郎=やまだ^たろう",
    "\\ISO 2022 IR 149": "Hoxng^Gildoqng=洪洪^吉洞=홍홍^길동",
    "ISO 2022 IR 100\\ISO 2022 IR 144": "Æxøqvist^Люксембургвж",
}


@cache
def in_character_sets() -> Mapping[str, Identified]:
    """Specific Character Set → an image in it, with a sequence item that has another one."""
    return {declared: _in_character_set(declared, name) for declared, name in _NAMES.items()}


def _in_character_set(declared: str, name: str) -> Identified:
    dataset = _image()
    inner = _descend(dataset, _CHAINS[-1])
    dataset.SpecificCharacterSet = declared.split("\\")
    dataset.PatientName = dataset.PatientBirthName = name
    dataset.PatientAddress = name.partition("=")[0]
    inner.SpecificCharacterSet = "ISO_IR 192"
    inner.PatientName = inner.OperatorsName = name
    words = [word for group in name.split("=") for word in group.split("^")]
    planted = [
        Planted(where=repr(word), kind=Kind.PERSON, needles=_spellings(word, declared))
        for word in words
    ]
    return identified(dataset, planted)


def _spellings(word: str, declared: str) -> tuple[bytes, ...]:
    """In the declared character sets, and in the one that an anonymizer may move to."""
    own = encode_string(word, convert_encodings(declared.split("\\")))
    return own.lower(), word.encode().lower()


@cache
def of_every_class() -> Mapping[str, Identified]:
    """Storage SOP class → an instance of it, in the uncompressed transfer syntaxes by turns."""
    syntaxes = sorted(UNCOMPRESSED)
    return {
        uid: _of_class(uid, syntaxes[number % len(syntaxes)])
        for number, uid in enumerate(STORAGE_CLASSES)
    }


def _of_class(uid: str, syntax: str) -> Identified:
    name, number = _mark(1), _mark(2)
    instance = make_instance(
        SOPClassUID=uid, transfer_syntax=syntax, PatientName=name, PatientID=number
    )
    where = f"SOP class {uid} in {syntax}"
    return Identified(
        encoded=encoded_instance(instance),
        planted=(_person(f"PatientName, {where}", name), _person(f"PatientID, {where}", number)),
        transfer_syntax=syntax,
    )


def with_a_tail(syntax: str) -> Identified:
    """An image whose pixel data are followed by a name, in elements that may stand there."""
    image = make_instance(transfer_syntax=syntax, PatientName=_mark(1))
    planted = [_person("PatientName", _mark(1)), _person("behind the pixel data", _mark(2))]
    image.private_block(0x7FE1, "PACS-FRAMEWORK TEST", create=True).add_new(1, "LO", _mark(2))
    image.add_new(0xFFFC_FFFC, "OB", _mark(2).encode())
    assert has_pixels(str(image.SOPClassUID))
    return Identified(
        encoded=encoded_instance(image), planted=tuple(planted), transfer_syntax=syntax
    )


# --- what they are made of ----------------------------------------------------------------------


def _image() -> Dataset:
    """A CT image without its pixel data, which an anonymizer never sees."""
    image = make_instance(
        SOPClassUID=CTImageStorage,
        StudyInstanceUID="1.2.826.0.1.3680043.10.543.6",
        SeriesInstanceUID="1.2.826.0.1.3680043.10.543.6.1",
        SOPInstanceUID="1.2.826.0.1.3680043.10.543.6.1.1",
    )
    del image.PixelData, image.file_meta
    return image


def _descend(dataset: Dataset, chain: Iterable[str]) -> Dataset:
    """The item at the end of a chain of sequences, which are made."""
    for keyword in chain:
        item = Dataset()
        setattr(dataset, keyword, [item])
        dataset = item
    return dataset


def identified(dataset: Dataset, planted: Iterable[Planted]) -> Identified:
    """The encoded data set, once it is sure that each planted value can be found in it."""
    made = Identified(encoded=encoded(dataset), planted=tuple(planted))
    lost = {each.where for each in made.planted} - set(left(made.encoded, made.planted))
    assert not lost, f"nothing would show that these survive: {sorted(lost)}"
    return made


def encoded(dataset: Dataset, syntax: str = EXPLICIT) -> bytes:
    """The data set as it travels."""
    return encode_identifier(dataset, syntax)


def left(data: bytes, planted: Iterable[Planted], *kinds: Kind) -> list[str]:
    """Where what still stands in ``data`` was planted; of ``kinds`` alone where some are given."""
    folded = data.lower()
    return [
        each.where
        for each in planted
        if (not kinds or each.kind in kinds) and any(needle in folded for needle in each.needles)
    ]


_LETTERS = "bcdfghjklmnprstw"


def _mark(number: int) -> str:
    """Eight letters that no name, no word and no vocabulary has."""
    letters = "".join(_LETTERS[number >> shift & 15] for shift in (12, 8, 4, 0))
    return f"Zq{letters}Xv"


def _marks() -> Iterator[str]:
    return map(_mark, range(1, 1 << 16))
