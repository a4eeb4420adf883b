"""The options of PS3.15 E.3 that change what happens to attributes, and their codes."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["BASIC_PROFILE_CODE", "KEPT_METHOD_CODES", "Option", "option_code"]


class Option(StrEnum):
    """A column of PS3.15 Table E.1-1 beside that of the Basic Profile.

    Clean Pixel Data and Clean Recognizable Visual Features have no column: they work on pixels.
    """

    CLEAN_GRAPHICS = "clean-graphics"
    CLEAN_STRUCTURED_CONTENT = "clean-structured-content"
    CLEAN_DESCRIPTORS = "clean-descriptors"
    RETAIN_LONGITUDINAL_FULL_DATES = "retain-longitudinal-full-dates"
    RETAIN_LONGITUDINAL_MODIFIED_DATES = "retain-longitudinal-modified-dates"
    RETAIN_PATIENT_CHARACTERISTICS = "retain-patient-characteristics"
    RETAIN_DEVICE_IDENTITY = "retain-device-identity"
    RETAIN_INSTITUTION_IDENTITY = "retain-institution-identity"
    RETAIN_UIDS = "retain-uids"
    RETAIN_SAFE_PRIVATE = "retain-safe-private"


BASIC_PROFILE_CODE = ("113100", "Basic Application Confidentiality Profile")
"""Code value and meaning (PS3.16 CID 7050, scheme DCM)."""

KEPT_METHOD_CODES = frozenset({"113101", "113102"})
"""Clean Pixel Data and Clean Recognizable Visual Features: what an earlier de-identification did
to the pixels stays true afterwards, since nobody puts it back.
"""

_CODES = {
    Option.CLEAN_GRAPHICS: ("113103", "Clean Graphics Option"),
    Option.CLEAN_STRUCTURED_CONTENT: ("113104", "Clean Structured Content Option"),
    Option.CLEAN_DESCRIPTORS: ("113105", "Clean Descriptors Option"),
    Option.RETAIN_LONGITUDINAL_FULL_DATES: (
        "113106",
        "Retain Longitudinal Temporal Information Full Dates Option",
    ),
    Option.RETAIN_LONGITUDINAL_MODIFIED_DATES: (
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
    ),
    Option.RETAIN_PATIENT_CHARACTERISTICS: ("113108", "Retain Patient Characteristics Option"),
    Option.RETAIN_DEVICE_IDENTITY: ("113109", "Retain Device Identity Option"),
    Option.RETAIN_UIDS: ("113110", "Retain UIDs Option"),
    Option.RETAIN_SAFE_PRIVATE: ("113111", "Retain Safe Private Option"),
    Option.RETAIN_INSTITUTION_IDENTITY: ("113112", "Retain Institution Identity Option"),
}


def option_code(option: Option) -> tuple[str, str]:
    """Code value and meaning of an option (PS3.16 CID 7050, scheme DCM)."""
    return _CODES[option]
