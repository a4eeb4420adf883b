"""The SCP side of DIMSE-N (PS3.7 section 10.1): a request read and checked, an outcome sent.

A service class on normalized services inherits `NormalizedService` and says in ``perform`` what an
operation does. Whatever is wrong with the request itself is answered before that, with the status
of PS3.7 Annex C.5 for it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydicom.uid import generate_uid

from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import QueryError
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.network.service import CommandField, DimseService, Request

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["NormalizedService", "Operation", "Outcome"]

_LARGEST_DATASET = 1 << 20
_AFFECTING = frozenset({CommandField.N_CREATE, CommandField.N_EVENT_REPORT})
_WITHOUT_DATASET = frozenset({CommandField.N_GET, CommandField.N_DELETE})
_TYPE_ID = {
    CommandField.N_ACTION: "ActionTypeID",
    CommandField.N_EVENT_REPORT: "EventTypeID",
}

# What is wrong where a data set cannot be read, and where it is missing: information of an action
# or event is an argument (PS3.7 C.5.7), what is set are attributes (C.5.2, C.5.9, C.5.8).
_BAD_DATASET = {
    CommandField.N_ACTION: Status.INVALID_ARGUMENT_VALUE,
    CommandField.N_EVENT_REPORT: Status.INVALID_ARGUMENT_VALUE,
    CommandField.N_CREATE: Status.INVALID_ATTRIBUTE_VALUE,
    CommandField.N_SET: Status.INVALID_ATTRIBUTE_VALUE,
}
_NO_DATASET = {
    CommandField.N_ACTION: Status.INVALID_ARGUMENT_VALUE,
    CommandField.N_EVENT_REPORT: Status.INVALID_ARGUMENT_VALUE,
    CommandField.N_CREATE: Status.MISSING_ATTRIBUTE,
    CommandField.N_SET: Status.MISSING_ATTRIBUTE_VALUE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A DIMSE-N request that is well formed.

    ``sop_class_uid`` is one that the service takes. ``sop_instance_uid`` is a valid UID; N-CREATE
    may leave it to us, it is then a new one. ``type_id`` is Action Type ID or Event Type ID, -1 for
    other operations. ``wanted`` are the tags of N-GET, empty for all (PS3.7 10.1.2.1.5).
    ``encoded`` is the data set as it came, in the transfer syntax of the request, and ``dataset``
    that decoded, unless the service decodes by itself.
    """

    request: Request
    command: CommandField
    sop_class_uid: str
    sop_instance_uid: str
    type_id: int
    wanted: tuple[int, ...]
    encoded: bytes | None = None
    dataset: Dataset | None = None

    def required_encoding(self) -> bytes:
        """The data set as it came. Raises as `required_dataset`."""
        if self.encoded is None:
            raise _without_dataset(self.command)
        return self.encoded

    def required_dataset(self) -> Dataset:
        """The data set: attributes, modifications, or information on an action or event.

        Raises `NormalizedFailure` where none came.
        """
        if self.dataset is None:
            raise _without_dataset(self.command)
        return self.dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is answered: a success or a warning; failures are raised as `NormalizedFailure`.

    ``attributes`` are the tags that a warning is about (Attribute Identifier List). ``dataset`` is
    the attribute list, or the reply of an action or event.
    """

    status: int = Status.SUCCESS
    dataset: Dataset | None = None
    comment: str = ""
    attributes: Sequence[int] = ()


class NormalizedService(DimseService):
    """A service class of normalized operations; ``commands`` are DIMSE-N alone."""

    largest_dataset: int = _LARGEST_DATASET
    """Bytes of the longest data set that is read; a longer one is 0213H, resource limitation."""

    decodes_dataset: bool = True
    """Whether ``perform`` gets the data set decoded. When False it gets the bytes, unchecked."""

    def sop_classes(self, abstract_syntax: str) -> Collection[str]:
        """The SOP classes that may be named on a context of ``abstract_syntax``: its own one,
        unless that is a meta SOP class or serves instances of another one.
        """
        return (abstract_syntax,)

    @abstractmethod
    def perform(self, operation: Operation) -> Outcome:
        """Carry an operation out. What is raised is the response: `NormalizedFailure`, or the
        status of another `PacsError`.
        """

    def serve(self, request: Request) -> None:
        """Read, check, perform, respond."""
        operation = self._operation(request)
        outcome = self.perform(operation)
        dataset = outcome.dataset
        if dataset is not None:
            encoded = encode_identifier(dataset, request.context.transfer_syntax)
        request.respond(
            outcome.status,
            dataset=None if dataset is None else encoded,
            comment=outcome.comment,
            elements={
                "AffectedSOPClassUID": operation.sop_class_uid,
                "AffectedSOPInstanceUID": operation.sop_instance_uid,
                "AttributeIdentifierList": tuple(outcome.attributes) or None,
            },
        )

    def _operation(self, request: Request) -> Operation:
        """The request, its command set and data set checked. Raises `NormalizedFailure`."""
        named = Operation(
            request=request,
            command=request.field,
            sop_class_uid=self._sop_class(request),
            sop_instance_uid=_sop_instance(request),
            type_id=_type_id(request),
            wanted=_wanted(request),
            encoded=_encoded(request, self.largest_dataset),
        )
        if named.encoded is None or not self.decodes_dataset:
            return named
        return replace(named, dataset=_decoded(request, named.encoded))

    def _sop_class(self, request: Request) -> str:
        uid = _element(request, "SOPClassUID")
        if not uid:
            raise _mistyped(request, "SOP Class UID")
        if uid not in self.sop_classes(request.context.abstract_syntax):
            raise NormalizedFailure(
                f"SOP class {uid!r} is not served here", status=Status.NO_SUCH_SOP_CLASS
            )
        return uid


def _name(command: CommandField) -> str:
    return command.name.replace("_", "-")


def _element(request: Request, keyword: str) -> str:
    """Affected or Requested, as PS3.7 section 10.3 has it for the operation."""
    kind = "Affected" if request.field in _AFFECTING else "Requested"
    return str(request.command.get(kind + keyword) or "")


def _mistyped(request: Request, what: str) -> NormalizedFailure:
    """0212H: it is the one status for a bad parameter that all six operations have."""
    return NormalizedFailure(
        f"{_name(request.field)} without a usable {what}", status=Status.MISTYPED_ARGUMENT
    )


def _without_dataset(command: CommandField) -> NormalizedFailure:
    status = _NO_DATASET.get(command, Status.PROCESSING_FAILURE)
    return NormalizedFailure(f"{_name(command)} without a data set", status=status)


def _sop_instance(request: Request) -> str:
    uid = _element(request, "SOPInstanceUID")
    if not uid and request.field is CommandField.N_CREATE:
        return str(generate_uid())
    if not uid:
        raise _mistyped(request, "SOP Instance UID")
    if not is_valid_uid(uid):
        raise NormalizedFailure(
            "the SOP Instance UID is no UID", status=Status.INVALID_SOP_INSTANCE
        )
    return uid


def _type_id(request: Request) -> int:
    keyword = _TYPE_ID.get(request.field)
    if keyword is None:
        return -1
    number = request.command.get(keyword)
    if not isinstance(number, int):
        raise _mistyped(request, keyword)
    return number


def _wanted(request: Request) -> tuple[int, ...]:
    tags = request.command.get("AttributeIdentifierList")
    if request.field is not CommandField.N_GET or not tags:
        return ()
    return tags if isinstance(tags, tuple) else ()


def _encoded(request: Request, limit: int) -> bytes | None:
    if not request.has_dataset or request.field in _WITHOUT_DATASET:
        return None
    collected = bytearray()

    def collect(piece: memoryview) -> None:
        if len(collected) + len(piece) > limit:
            raise NormalizedFailure(
                f"a data set of more than {limit} bytes", status=Status.RESOURCE_LIMITATION
            )
        collected.extend(piece)

    request.stream_dataset(collect)
    return bytes(collected)


def _decoded(request: Request, encoded: bytes) -> Dataset:
    try:
        return decode_identifier(encoded, request.context.transfer_syntax)
    except QueryError as error:
        raise NormalizedFailure(
            str(error).replace("identifier: ", "data set: "), status=_BAD_DATASET[request.field]
        ) from None
