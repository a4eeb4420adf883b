"""What a de-identified instance says of itself (PS3.15 E.1.1, E.3.6; PS3.3 C.12.1, C.7.1.1)."""

from __future__ import annotations

from functools import lru_cache

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import BaseTag, Tag

from pacs_anonymize.engine.options import (
    BASIC_PROFILE_CODE,
    KEPT_METHOD_CODES,
    Option,
    option_code,
)
from pacs_anonymize.engine.profile import Action, Profile
from pacs_anonymize.engine.work import Level
from pacs_framework.dicom.elements import Encoding

__all__ = ["method_of", "state", "what_was_done_to_dates"]

_REMOVED = Tag("PatientIdentityRemoved")
_METHOD = Tag("DeidentificationMethod")
_METHOD_CODES = Tag("DeidentificationMethodCodeSequence")
_LONGITUDINAL = Tag("LongitudinalTemporalInformationModified")

# What has happened to dates, the weakest first: what was removed does not come back.
_DATES = ("UNMODIFIED", "MODIFIED", "REMOVED")

_RULE = "statement of de-identification"


def state(level: Level, profile: Profile) -> None:
    """Write how the instance was de-identified; methods that others named are replaced, but for
    what was done to the pixels, which stays done.
    """
    dataset = level.dataset
    kept = _kept_codes(dataset)
    modified = _dates(profile, what_was_done_to_dates(dataset))
    _write(level, _REMOVED, "CS", "YES")
    _write(level, _METHOD, "LO", method_of(profile))
    _write(level, _LONGITUDINAL, "CS", modified)
    codes = [BASIC_PROFILE_CODE] if profile.conforms else []
    codes += [option_code(option) for option in profile.options]
    items = _code_items(frozenset(codes) | kept, implicit=level.implicit, little=level.little)
    level.put(_METHOD_CODES, "SQ", items)


def method_of(profile: Profile) -> str:
    """De-identification Method (0012,0063): the standard, and the name of the profile."""
    return f"PS3.15 Annex E, pacs-anonymize: {profile.name}"


def _write(level: Level, tag: BaseTag, vr: str, value: str) -> None:
    new = tag not in level.dataset
    level.put(tag, vr, value.encode())
    if new:
        level.tell(tag, level.dataset.get_item(tag), Action.D, _RULE, value)


def what_was_done_to_dates(dataset: Dataset) -> str:
    """(0028,0303) as an earlier de-identification left it; empty where there was none."""
    if _LONGITUDINAL not in dataset:
        return ""
    return str(dataset[_LONGITUDINAL].value)


def _dates(profile: Profile, before: str) -> str:
    """(0028,0303): what this profile does to dates, or what had been done to them before."""
    now = "REMOVED"
    if Option.RETAIN_LONGITUDINAL_FULL_DATES in profile.options:
        now = "UNMODIFIED"
    elif Option.RETAIN_LONGITUDINAL_MODIFIED_DATES in profile.options:
        now = "MODIFIED"
    return max((now, before if before in _DATES else now), key=_DATES.index)


def _kept_codes(dataset: Dataset) -> frozenset[tuple[str, str]]:
    """The codes for what an earlier de-identification did to the pixels."""
    if _METHOD_CODES not in dataset:
        return frozenset()
    return frozenset(
        (str(item.CodeValue), str(item.get("CodeMeaning", "")))
        for item in dataset[_METHOD_CODES].value or ()
        if item.get("CodingSchemeDesignator") == "DCM"
        and item.get("CodeValue") in KEPT_METHOD_CODES
    )


@lru_cache(maxsize=256)
def _code_items(codes: frozenset[tuple[str, str]], *, implicit: bool, little: bool) -> bytes:
    """The encoded items of (0012,0064), as a rule the same for every instance."""
    encoding = Encoding(implicit=implicit, little=little)
    encoded = b""
    for value, meaning in sorted(codes):
        item = Dataset()
        item.CodeValue = value
        item.CodingSchemeDesignator = "DCM"
        item.CodeMeaning = meaning
        target = DicomBytesIO()
        target.is_implicit_VR, target.is_little_endian = implicit, little
        write_dataset(target, item)
        content = target.getvalue()
        encoded += encoding.header(0xFFFEE000, "", len(content)) + content
    return encoded
