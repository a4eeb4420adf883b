"""The words of unified procedure steps (PS3.4 Annex CC)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from pydicom import Dataset

__all__ = [
    "FILTERED",
    "GLOBAL",
    "Code",
    "Event",
    "EventType",
    "Result",
    "State",
    "Step",
    "StepError",
    "Subscription",
]

GLOBAL = "1.2.840.10008.5.1.4.34.5"
"""The well-known instance that stands for all steps (PS3.4 CC.2.3.2)."""

FILTERED = "1.2.840.10008.5.1.4.34.5.1"
"""The well-known instance that stands for all steps that match keys (PS3.4 CC.2.3.3.1)."""


class State(StrEnum):
    """Procedure Step State (0074,1000), PS3.4 Table CC.1.1-1."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self in (State.COMPLETED, State.CANCELED)


class EventType(IntEnum):
    """Event Type ID (PS3.4 Table CC.2.4-1)."""

    STATE_REPORT = 1
    CANCEL_REQUESTED = 2
    PROGRESS = 3
    SCP_STATUS_CHANGE = 4
    ASSIGNED = 5


class Code(IntEnum):
    """How an operation ended: the statuses of PS3.4 CC.2, and those of PS3.7 Annex C beside them.

    UPS-RS has a text and an HTTP status for each of them (PS3.18 section 11).
    """

    SUCCESS = 0x0000
    OPTIONAL_ATTRIBUTES_NOT_SUPPORTED = 0x0001
    CREATED_WITH_MODIFICATIONS = 0xB300
    DELETION_LOCK_NOT_GRANTED = 0xB301
    ALREADY_CANCELED = 0xB304
    COERCED_INVALID_VALUES = 0xB305
    ALREADY_COMPLETED = 0xB306
    NO_SUCH_ATTRIBUTE = 0x0105
    INVALID_ATTRIBUTE_VALUE = 0x0106
    DUPLICATE_INSTANCE = 0x0111
    INVALID_INSTANCE = 0x0117
    INVALID_ARGUMENT_VALUE = 0x0115
    MISSING_ATTRIBUTE = 0x0120
    MISSING_ATTRIBUTE_VALUE = 0x0121
    OUT_OF_RESOURCES = 0xA700
    MAY_NO_LONGER_BE_UPDATED = 0xC300
    WRONG_TRANSACTION_UID = 0xC301
    ALREADY_IN_PROGRESS = 0xC302
    SCHEDULED_ONLY_BY_CREATION = 0xC303
    FINAL_STATE_REQUIREMENTS_NOT_MET = 0xC304
    NO_SUCH_STEP = 0xC307
    UNKNOWN_RECEIVING_AE = 0xC308
    NOT_SCHEDULED = 0xC309
    NOT_YET_IN_PROGRESS = 0xC310
    ALREADY_COMPLETED_NO_CANCEL = 0xC311
    PERFORMER_CANNOT_BE_CONTACTED = 0xC312
    PERFORMER_CHOOSES_NOT_TO_CANCEL = 0xC313
    NOT_APPROPRIATE_FOR_INSTANCE = 0xC314
    NO_EVENT_REPORTS = 0xC315


_HTTP = {
    Code.NO_SUCH_ATTRIBUTE: HTTPStatus.BAD_REQUEST,
    Code.INVALID_ATTRIBUTE_VALUE: HTTPStatus.BAD_REQUEST,
    Code.INVALID_INSTANCE: HTTPStatus.BAD_REQUEST,
    Code.INVALID_ARGUMENT_VALUE: HTTPStatus.BAD_REQUEST,
    Code.MISSING_ATTRIBUTE: HTTPStatus.BAD_REQUEST,
    Code.MISSING_ATTRIBUTE_VALUE: HTTPStatus.BAD_REQUEST,
    Code.NOT_SCHEDULED: HTTPStatus.BAD_REQUEST,
    Code.NOT_APPROPRIATE_FOR_INSTANCE: HTTPStatus.BAD_REQUEST,
    Code.OUT_OF_RESOURCES: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.NO_SUCH_STEP: HTTPStatus.NOT_FOUND,
    Code.UNKNOWN_RECEIVING_AE: HTTPStatus.NOT_FOUND,
    Code.NO_EVENT_REPORTS: HTTPStatus.FORBIDDEN,
}
"""All others contradict the state that a step is in: 409."""


class StepError(PacsError):
    """An operation that failed and changed nothing: ``code``, and the tags that it is about.

    ``error.code`` is also its DIMSE status; that of HTTP follows from it (PS3.18 chapter 11).
    """

    def __init__(self, code: Code, message: str, attributes: Sequence[int] = ()) -> None:
        super().__init__(message, status=code)
        self.http_status = _HTTP.get(code, HTTPStatus.CONFLICT)
        self.code = code
        self.attributes = tuple(attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An operation that was done: success, or a warning about ``attributes``."""

    code: Code = Code.SUCCESS
    attributes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One unified procedure step.

    ``dataset`` is without the Transaction UID, which is the key of its lock. ``ours``: the archive
    performs it itself. ``ended`` is when it became final, in UTC.
    """

    uid: str
    state: State
    dataset: Dataset
    ours: bool
    changed: dt.datetime
    ended: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What subscribers are told of a step, or with `GLOBAL` as ``uid`` of the provider."""

    uid: str
    type: EventType
    information: Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Who is told of what: ``uid`` is a step, `GLOBAL`, or `FILTERED` with its ``keys``."""

    aet: str
    uid: str
    locked: bool
    keys: Dataset | None = None
