"""What arrives, looked at before it is kept: whether it is what it says, and what queries see.

Nothing is validated against its IOD (PS3.4 GG.4.2 does not ask for it); what cannot be read, or is
another instance than was announced, is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydicom import DataElement, Dataset
from pydicom.config import IGNORE
from pydicom.datadict import tag_for_keyword
from pydicom.sequence import Sequence as Items

from pacs_framework.dicom.packed import pack
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES, load_header
from pacs_framework.dicom.uids import UNCOMPRESSED, is_valid_uid
from pacs_framework.errors import MismatchedInstance, OutOfResources, QueryError, UnreadableInstance
from pacs_non_patient.categories import BY_CLASS
from pacs_non_patient.keys import values_in

if TYPE_CHECKING:
    from pacs_framework.dicom.file_meta import FileMeta

__all__ = ["Gathering", "Received", "TooLarge", "received"]

_BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_LONGEST_BINARY = 4096
# What an inventory lists is of other entities than the one that is matched (PS3.4 JJ.2), and may be
# all studies of an archive.
_RECORDS = frozenset(
    tag_for_keyword(keyword)
    for keyword in (
        "InventoriedStudiesSequence",
        "InventoriedSeriesSequence",
        "InventoriedInstancesSequence",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An instance that can be kept: ``label`` is what a person knows it by, ``attributes`` a packed
    data set (`dicom.packed`), ``keys`` names and values that it is found by.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    label: str
    dataset: bytes = field(repr=False)
    attributes: bytes = field(repr=False)
    keys: frozenset[tuple[str, str]]
    digest: bytes


class TooLarge(OutOfResources):
    """More bytes than the setting ``max_size`` allows."""

    http_status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Gathering:
    """The bytes of an instance while they arrive, up to ``most`` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = bytearray()

    def take(self, piece: memoryview | bytes) -> None:
        """The next ones. Raises `TooLarge`."""
        if len(self._held) + len(piece) > self._most:
            raise TooLarge(
                f"the instance is larger than {self._most} bytes ([plugin.non-patient] max_size)"
            )
        self._held += piece

    def whole(self) -> bytes:
        """All of them; they are not kept here any more."""
        held, self._held = bytes(self._held), bytearray()
        return held


def received(meta: FileMeta, dataset: bytes) -> Received:
    """Look at a data set that was announced as ``meta``.

    Raises `MismatchedInstance` (A900H) for one of another class or instance, and of classes that
    belong to a patient; `UnreadableInstance` (C000H) for what cannot be read.
    """
    if meta.sop_class_uid not in BY_CLASS:
        raise MismatchedInstance(
            f"SOP class {meta.sop_class_uid!r} is none of non-patient instances; "
            "instances of patients are stored with their studies"
        )
    if meta.transfer_syntax_uid not in UNCOMPRESSED:
        raise UnreadableInstance(
            f"transfer syntax {meta.transfer_syntax_uid!r} is for pixel data, which such an "
            "instance has not"
        )
    header = load_header(dataset, meta.transfer_syntax_uid)
    try:
        _check_identity(header, meta)
        searchable = _searchable(header)
        attributes = pack(searchable)
        keys = values_in(searchable, meta.sop_class_uid)
        label = str(header.get(BY_CLASS[meta.sop_class_uid].label) or "").strip(" \0")
        label = label.replace("\0", "?")  # PostgreSQL keeps none in a text
    except (*PYDICOM_FAILURES, QueryError) as error:
        raise UnreadableInstance(
            f"a value of the data set cannot be decoded ({type(error).__name__})"
        ) from None
    return Received(
        sop_class_uid=meta.sop_class_uid,
        sop_instance_uid=meta.sop_instance_uid,
        transfer_syntax_uid=meta.transfer_syntax_uid,
        label=label,
        dataset=dataset,
        attributes=attributes,
        keys=keys,
        digest=hashlib.sha256(dataset).digest(),
    )


def _check_identity(header: Dataset, meta: FileMeta) -> None:
    announced = {"SOPClassUID": meta.sop_class_uid, "SOPInstanceUID": meta.sop_instance_uid}
    for keyword, wanted in announced.items():
        found = str(header.get(keyword) or "")
        if not is_valid_uid(found):
            raise MismatchedInstance(f"{keyword} of the data set is missing, or no UID")
        if found != wanted:
            raise MismatchedInstance(
                f"{keyword} of the data set is {found!r}, and {wanted!r} was announced"
            )


def _searchable(dataset: Dataset) -> Dataset:
    """All that a query may ask for: without long binary values and records of studies."""
    found = Dataset()
    for element in dataset:
        value = element.value
        if element.tag in _RECORDS:
            continue
        if element.VR in _BINARY_VRS and len(value or b"") > _LONGEST_BINARY:
            continue
        if element.VR == "SQ":
            value = Items([_searchable(item) for item in value or ()])
        found.add(DataElement(element.tag, element.VR, value, validation_mode=IGNORE))
    return found
