"""An anonymizer applied: nothing of an instance goes on before its answer was looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import Dataset

from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.pixel_work import AnonymousDataSet, PixelWork, data_set_of
from pacs_framework.anonymizers.redacting import redacted
from pacs_framework.codecs.transcoding import Transcoding
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.header import Readable, split_data_set
from pacs_framework.dicom.rewrite import (
    PYDICOM_FAILURES,
    decode_header,
    failure_of,
    joined,
)
from pacs_framework.dicom.stream import PieceStream
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import NotAnonymized, PacsError, PluginError

__all__ = ["AnonymousInstance", "Answer", "anonymized", "anonymous_answer", "anonymous_instance"]

_UIDS = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
_METHODS = ("DeidentificationMethod", "DeidentificationMethodCodeSequence")
# An anonymizer that changed these would make another image of the pixels, which stay.
_KEPT = (
    *("SOPClassUID", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration"),
    *("Rows", "Columns", "NumberOfFrames", "BitsAllocated", "BitsStored", "HighBit"),
    "PixelRepresentation",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnonymousInstance:
    """A de-identified instance: what its Part 10 header says, and its data set in pieces."""

    meta: FileMeta
    dataset: Iterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an anonymizer made of a data set; ``pixels`` is what is still to be done to them."""

    dataset: Dataset
    pixels: PixelWork | None = None


def anonymized(anonymizer: Anonymizer, dataset: Dataset) -> Dataset:
    """What ``anonymizer`` makes of a data set whose pixels stay as they are, once looked at.

    For objects without pixels, and whoever does not have them. Raises `NotAnonymized` for whatever
    goes wrong, so that nobody lets the original pass; also where the pixels were to be changed.
    """
    answer = anonymous_answer(anonymizer, dataset)
    if answer.pixels is not None:
        raise NotAnonymized("the pixels have to be changed too, and here is nobody who does it")
    return answer.dataset


def anonymous_answer(anonymizer: Anonymizer, dataset: Dataset) -> Answer:
    """What ``anonymizer`` makes of a data set without pixel data, once it has been looked at.

    Its ``pixels`` have to be done before anything goes on: by `redacted`, or in an archive by
    putting them into the `Coercion`. Raises `NotAnonymized`, as `anonymized` does.
    """
    kept, encoding = _kept(dataset), dataset.original_encoding
    if missing := _invalid_uid(dataset):
        raise NotAnonymized(f"the instance cannot be de-identified: it has no valid {missing}")
    try:
        given = anonymizer.anonymize(dataset)
        pixels = given.pixels if isinstance(given, AnonymousDataSet) else None
        answer = data_set_of(given)
        fault = _fault_of(answer, kept)
    except PacsError as error:
        raise NotAnonymized(f"the instance cannot be de-identified: {error}") from error
    except (Exception, SystemExit) as error:
        # Not its message: that may quote what the patient is called.
        raise NotAnonymized(f"the anonymizer failed: {type(error).__name__}") from error
    if fault:
        raise NotAnonymized(fault)
    # A new data set does not know how the pixel data are encoded that will follow it.
    answer.set_original_encoding(*encoding)
    return Answer(dataset=answer, pixels=pixels)


def anonymous_instance(
    anonymizer: Anonymizer,
    source: Readable,
    transfer_syntax_uid: str,
    transcoding: Transcoding | None = None,
) -> AnonymousInstance:
    """A data set read from ``source`` de-identified, its pixels as the anonymizer wants them.

    Digital signatures, padding and private elements behind the pixel data are left out. Compressed
    pixels are changed with the codecs of ``transcoding``. Raises `NotAnonymized` and
    `UnreadableInstance`, which may come with the pieces.
    """
    split = split_data_set(source, transfer_syntax_uid)
    answer = anonymous_answer(anonymizer, decode_header(split))
    dataset = answer.dataset
    try:
        pieces = joined(split, transfer_syntax_uid, dataset, pixels_only=True)
    except PluginError as error:
        raise NotAnonymized(f"the anonymizer failed: {error}") from error
    if answer.pixels is not None:
        made = redacted(PieceStream(pieces), transfer_syntax_uid, answer.pixels, transcoding)
        transfer_syntax_uid, pieces = made.transfer_syntax, made.pieces
    return AnonymousInstance(
        meta=FileMeta(
            sop_class_uid=str(dataset.SOPClassUID),
            sop_instance_uid=str(dataset.SOPInstanceUID),
            transfer_syntax_uid=transfer_syntax_uid,
        ),
        dataset=pieces,
    )


def _kept(dataset: Dataset) -> list[object]:
    """What has to stay as it is."""
    try:
        return [dataset.get(keyword) for keyword in _KEPT]
    except PYDICOM_FAILURES as error:
        raise NotAnonymized(
            "the instance cannot be de-identified, its pixels are badly described: "
            f"{failure_of(error)}"
        ) from None


def _fault_of(answer: object, kept: list[object]) -> str:
    """Why an answer may not go on; empty where it may."""
    if not isinstance(answer, Dataset):
        return f"the anonymizer returned a {type(answer).__name__!r}, no data set"
    if answer.get("PatientIdentityRemoved") != "YES":
        return (
            "the anonymizer returned a data set that does not say it is de-identified: "
            "Patient Identity Removed (0012,0062) is not YES"
        )
    if not any(answer.get(keyword) for keyword in _METHODS):
        return (
            "the anonymizer returned a data set that does not say how it was de-identified: "
            "De-identification Method (0012,0063) and its Code Sequence (0012,0064) are empty"
        )
    for keyword, before in zip(_KEPT, kept, strict=True):
        if answer.get(keyword) != before:
            return f"the anonymizer changed {keyword}, which belongs to the pixels"
    if missing := _invalid_uid(answer):
        return f"the anonymizer returned a data set without a valid {missing}"
    return ""


def _invalid_uid(dataset: Dataset) -> str:
    """The first UID of an instance that is missing or none, by its keyword; empty for a whole."""
    invalid = (keyword for keyword in _UIDS if not is_valid_uid(str(dataset.get(keyword) or "")))
    return next(invalid, "")
