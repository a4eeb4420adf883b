"""The status codes of DIMSE by name, so that no handler writes a bare number (PS3.7 Annex C).

pynetdicom keeps tables from number to meaning; these are the names for the other direction.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Status", "is_failure", "is_pending", "is_warning"]


class Status(IntEnum):
    """Status (0000,0900), sorted by number. Names follow the standard's own words."""

    SUCCESS = 0x0000
    OPTIONAL_ATTRIBUTES_NOT_SUPPORTED = 0x0001
    ATTRIBUTE_LIST_ERROR = 0x0107
    ATTRIBUTE_VALUE_OUT_OF_RANGE = 0x0116
    CLASS_INSTANCE_CONFLICT = 0x0119
    DUPLICATE_SOP_INSTANCE = 0x0111
    DUPLICATE_INVOCATION = 0x0210
    INVALID_ARGUMENT_VALUE = 0x0115
    INVALID_ATTRIBUTE_VALUE = 0x0106
    INVALID_SOP_INSTANCE = 0x0117
    MISSING_ATTRIBUTE = 0x0120
    MISSING_ATTRIBUTE_VALUE = 0x0121
    MISTYPED_ARGUMENT = 0x0212
    NO_SUCH_ACTION = 0x0123
    NO_SUCH_ARGUMENT = 0x0114
    NO_SUCH_ATTRIBUTE = 0x0105
    NO_SUCH_EVENT_TYPE = 0x0113
    NO_SUCH_SOP_CLASS = 0x0118
    NO_SUCH_SOP_INSTANCE = 0x0112
    NOT_AUTHORIZED = 0x0124
    PROCESSING_FAILURE = 0x0110
    RESOURCE_LIMITATION = 0x0213
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    UNRECOGNIZED_OPERATION = 0x0211
    OUT_OF_RESOURCES = 0xA700
    UNABLE_TO_CALCULATE_MATCHES = 0xA701
    UNABLE_TO_PERFORM_SUBOPERATIONS = 0xA702
    MOVE_DESTINATION_UNKNOWN = 0xA801
    DATA_SET_DOES_NOT_MATCH_SOP_CLASS = 0xA900
    COERCION_OF_DATA_ELEMENTS = 0xB000
    SUBOPERATIONS_WITH_FAILURES = 0xB000  # C-MOVE and C-GET use the same number (PS3.4 C.4.2.1.5)
    ELEMENTS_DISCARDED = 0xB006
    DATA_SET_DOES_NOT_MATCH_WARNING = 0xB007
    CANNOT_UNDERSTAND = 0xC000
    UNABLE_TO_PROCESS = 0xC001
    CANCEL = 0xFE00
    PENDING = 0xFF00
    PENDING_KEYS_NOT_SUPPORTED = 0xFF01


def is_pending(status: int) -> bool:
    """More responses follow (FF00H, FF01H)."""
    return status in (Status.PENDING, Status.PENDING_KEYS_NOT_SUPPORTED)


def is_warning(status: int) -> bool:
    """The operation was carried out, with a remark (0001H, 0107H, 0116H, Bxxx; PS3.7 C.4)."""
    of_normalized = (
        Status.OPTIONAL_ATTRIBUTES_NOT_SUPPORTED,
        Status.ATTRIBUTE_LIST_ERROR,
        Status.ATTRIBUTE_VALUE_OUT_OF_RANGE,
    )
    return status in of_normalized or 0xB000 <= status <= 0xBFFF


def is_failure(status: int) -> bool:
    """The operation was not carried out: neither success, pending, cancel nor warning."""
    return not (
        status in (Status.SUCCESS, Status.CANCEL) or is_pending(status) or is_warning(status)
    )
