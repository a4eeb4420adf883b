"""What can be done to one attribute; `pacs_anonymize.engine.plan` chooses among these.

Each takes the data set (a `Level`), the tag, the element as it came, and the step of the plan. What
needs to know everything that identifies waits in the `Work` until the walk is over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from pydicom import Dataset
from pydicom._uid_dict import UID_dictionary
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from pacs_anonymize.engine import dates
from pacs_anonymize.engine.codes import UNKNOWN_SCHEME, is_public_code, is_public_scheme
from pacs_anonymize.engine.documents import empty_document
from pacs_anonymize.engine.dummies import REMOVED, dummy_item, dummy_value
from pacs_anonymize.engine.graphics import without_drawings
from pacs_anonymize.engine.profile import Action
from pacs_anonymize.engine.walk import walk
from pacs_anonymize.engine.work import Level
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.dicom.uids import is_valid_uid

if TYPE_CHECKING:
    from pacs_anonymize.engine.plan import Step
    from pacs_anonymize.engine.work import Element

__all__ = [
    "Treatment",
    "as_device",
    "as_document",
    "as_identifier",
    "as_patient",
    "clean",
    "clean_code",
    "clean_graphics",
    "clean_items",
    "clean_scheme",
    "code_of_patient",
    "descend",
    "empty",
    "keep",
    "keep_at_top",
    "keep_code",
    "keep_date",
    "keep_number",
    "keep_text",
    "keep_uid",
    "modify_date",
    "remap",
    "remove",
    "remove_references",
    "replace",
    "vr_of",
]

Treatment: TypeAlias = "Callable[[Level, BaseTag, Element, Step], None]"

_PATIENT_ID = 0x00100020
_ISSUER = 0x00100021
_MIME_TYPE = 0x00420012
_DOCUMENT_LENGTH = 0x00420015
_FRAME_ORIGIN_TIMESTAMP = 0x00340007
_TIMEZONE_OFFSET = 0x00080201
_SCHEME = 0x00080102
_LISTED_SERIES = 0x00081115
# Other Patient IDs, and what the instance said before it was changed (Modified Attributes in
# Original Attributes).
_OTHER_IDENTITIES = frozenset((0x00101002, 0x04000550, 0x04000561))

_is_offset = re.compile(r"[+-][0-9]{4}").fullmatch


def vr_of(element: Element, step: Step) -> str:
    """The VR to write: that of the data set where it has one that is known."""
    vr = element.VR
    if vr is None or vr == "UN" or dummy_value(0, str(vr)) is None:
        return step.vr
    return str(vr)


# --- taken out, or replaced -----------------------------------------------------------------------


def remove(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """X. Where a sequence says what else the patient is called, that is remembered first."""
    if step.source:
        level.gather(element, step.source)
    if int(tag) in _OTHER_IDENTITIES:
        descend(level, tag, element, step)
    level.drop(tag)
    level.tell(tag, element, Action.X, step.rule, None)


def remove_references(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """X/Z/U* where the sequence is optional: it goes, unless the instance lists the series that it
    refers to, which it must not without a reference (PS3.3 C.12.2).
    """
    if _LISTED_SERIES in level.work.top:
        clean_items(level, tag, element, step)
    else:
        remove(level, tag, element, step)


def empty(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """Z. A sequence becomes one without items."""
    if step.source:
        level.gather(element, step.source)
    level.put(tag, step.vr if step.vr == "SQ" else vr_of(element, step), b"")
    level.tell(tag, element, Action.Z, step.rule, "")


def replace(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """D. What is empty has nothing to replace; without a dummy for its VR it is removed."""
    if step.vr == "SQ":
        _replace_items(level, tag, element, step)
        return
    vr = vr_of(element, step)
    if vr == "UI":
        remap(level, tag, element, step)
        return
    dummy = dummy_value(tag, vr)
    if dummy is None:
        remove(level, tag, element, step)
        return
    if step.source:
        level.gather(element, step.source)
    if level.value(element):
        level.put(tag, vr, dummy)
        level.tell(tag, element, Action.D, step.rule, "a dummy")


def _replace_items(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    items = _items(level, tag)
    if items is None or len(items):
        level.put_items(tag, [dummy_item(tag, items[0] if items else None)])
        level.tell(tag, element, Action.D, step.rule, "a dummy item")


def as_patient(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """Patient's Name and Patient ID become the pseudonym of the patient, everywhere."""
    level.gather(element, step.source)
    code = level.work.patient if level.above is None else _patient_of(level)
    vr = vr_of(element, step)
    if vr == "PN" and code == level.work.patient:
        code = level.work.patient_name
    level.put(tag, vr, code.encode())
    level.tell(tag, element, Action.D, step.rule, code)


def _patient_of(item: Level) -> str:
    """The pseudonym of whom an item is about: the patient of the instance if it does not say."""
    identifier = item.dataset.get_item(_PATIENT_ID)
    text = item.texts(identifier, "LO")[0] if identifier is not None else ""
    if not text:
        return item.work.patient
    issuer = item.dataset.get_item(_ISSUER)
    return code_of_patient(item, text, item.texts(issuer, "LO")[0] if issuer is not None else "")


def code_of_patient(level: Level, identifier: str, issuer: str) -> str:
    """The pseudonym of an identifier that an issuer gave; its own ones stay."""
    pseudonyms = level.work.pseudonyms
    if pseudonyms.is_own_code(identifier):
        return identifier
    return pseudonyms.code("patient", f"{issuer}\0{identifier}")


def as_identifier(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """An identifier that has to tell things apart becomes a pseudonym (D)."""
    level.gather(element, step.source)
    _as_codes(level, tag, element, step, Action.D)


def as_device(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """An AE title or a name in the network becomes one that is the same everywhere (C)."""
    _as_codes(level, tag, element, step, Action.C)


def _as_codes(level: Level, tag: BaseTag, element: Element, step: Step, action: Action) -> None:
    vr = vr_of(element, step)
    make = level.work.pseudonyms.code
    # What an earlier run left to say nothing tells nobody apart.
    texts = [text for text in level.texts(element, vr) if text]
    codes = "\\".join(REMOVED if text == REMOVED else make(step.name, text) for text in texts)
    if codes:
        level.put(tag, vr, codes.encode())
        level.tell(tag, element, action, step.rule, codes)


def as_document(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """An encapsulated document becomes an empty one of its kind (D)."""
    if not level.value(element):
        return
    mime_type = level.dataset.get_item(_MIME_TYPE)
    document = empty_document(level.texts(mime_type, "LO")[0] if mime_type is not None else "")
    level.put(tag, "OB", document)
    if _DOCUMENT_LENGTH in level.dataset:
        level.dataset.EncapsulatedDocumentLength = len(document)
    level.tell(tag, element, Action.D, step.rule, "an empty document")


# --- UIDs -----------------------------------------------------------------------------------------


def remap(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """U. UIDs that the standard defines stay, such as those of well-known frames of reference."""
    old = _uids(level, element)
    make = level.work.pseudonyms.uid
    new = [make(uid) if uid and uid not in UID_dictionary else uid for uid in old]
    if new != old:
        level.put(tag, "UI", "\\".join(new).encode())
        level.tell(tag, element, Action.U, step.rule, "\\".join(new))


def keep_uid(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """K for UIDs, of classes and syntaxes private ones too; what is no UID becomes one."""
    if not all(is_valid_uid(uid) for uid in _uids(level, element) if uid):
        remap(level, tag, element, step)


def _uids(level: Level, element: Element) -> list[str]:
    text = level.value(element).decode("latin-1")
    return [uid.strip(" \0") for uid in text.split("\\")]


# --- dates ----------------------------------------------------------------------------------------


def modify_date(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """C for dates and times: moved by the days of this patient; what cannot be moved is treated
    as without the option.
    """
    if not level.bare(element):
        return
    after = _moved(level, tag, element, step)
    if after is None:
        step.otherwise(level, tag, element, step)
    elif after != level.bare(element):
        level.put(tag, vr_of(element, step), after)
        level.tell(tag, element, Action.C, step.rule, "the date was moved")


def _moved(level: Level, tag: BaseTag, element: Element, step: Step) -> bytes | None:
    days = level.work.days
    if tag == _FRAME_ORIGIN_TIMESTAMP:
        return dates.shifted_timestamp(level.value(element), days)
    move = _same_offset if tag == _TIMEZONE_OFFSET else _MOVES.get(step.vr, _no_move)
    moved = []
    for value in level.value(element).decode("latin-1").split("\\"):
        after = move(value.strip(" \0"), days) if value.strip(" \0") else ""
        if after is None:
            return None
        moved.append(after)
    return "\\".join(moved).encode()


def _same_time(value: str, _days: int) -> str | None:
    return dates.shifted_time(value)


def _same_offset(value: str, _days: int) -> str | None:
    """Without the offset from UTC, times of different zones would move against each other."""
    return value if _is_offset(value) else None


def _no_move(_value: str, _days: int) -> str | None:
    return None


_MOVES: dict[str, Callable[[str, int], str | None]] = {
    "DA": dates.shifted_date,
    "DT": dates.shifted_datetime,
    "TM": _same_time,
}


def keep_date(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """K for dates and times; what is none could be anything, and is treated as without the option.

    It is not looked through: the date of a study may well be that of a birth.
    """
    if not _is_moment(level.value(element)):
        step.otherwise(level, tag, element, step)


_is_moment = re.compile(rb"[0-9.:+\-\\ \0]*").fullmatch


# --- what is cleaned ------------------------------------------------------------------------------


def clean(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """C for text: reduced to words of the vocabulary, once it is known who is meant."""
    level.work.cleanings.append((level, tag, element, step))


def clean_code(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """C for a code: it stays where a public scheme defines it."""
    scheme = level.dataset.get_item(_SCHEME)
    name = level.texts(scheme, "SH")[0] if scheme is not None else ""
    if not is_public_code(name, level.texts(element, "SH")[0]):
        level.put(tag, vr_of(element, step), REMOVED.encode())
        level.tell(tag, element, Action.C, step.rule, REMOVED)


def clean_scheme(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """C for the scheme of a code: one that is not public may carry the name of a site."""
    if not is_public_scheme(level.texts(element, "SH")[0]):
        level.put(tag, vr_of(element, step), UNKNOWN_SCHEME.encode())
        level.tell(tag, element, Action.C, step.rule, UNKNOWN_SCHEME)


# --- sequences ------------------------------------------------------------------------------------


def descend(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """K for sequences, and U: the profile goes into every item."""
    _enter(level, tag, element, step, level.plan.cleaning)


def clean_items(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """C for sequences: in every item, text of any kind is cleaned as well."""
    _enter(level, tag, element, step, cleaning=True)


def clean_graphics(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """C for annotations: plain shapes stay, and words of the vocabulary."""
    _enter(level, tag, element, step, cleaning=True, keep=without_drawings)


def _enter(
    level: Level,
    tag: BaseTag,
    element: Element,
    step: Step,
    cleaning: bool,
    keep: Callable[[Iterable[Dataset]], list[Dataset]] | None = None,
) -> None:
    items = _items(level, tag)
    if items is None:
        # What cannot be read as items cannot be looked at.
        level.drop(tag)
        level.tell(tag, element, Action.X, f"{step.rule}: no sequence", None)
        return
    if keep is not None:
        items[:] = keep(items)
    plan = level.work.plans.below(int(tag), cleaning=cleaning)
    for number, item in enumerate(items):
        walk(Level(level.work, item, plan, level, level.inside(tag, number)))


def _items(level: Level, tag: BaseTag) -> Sequence | None:
    try:
        return level.items(tag)
    except PYDICOM_FAILURES:
        return None


# --- what stays, and is looked through ------------------------------------------------------------


def keep(_level: Level, _tag: BaseTag, _element: Element, _step: Step) -> None:
    """K for numbers in binary, which no name can hide in."""


def keep_at_top(level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """What the engine writes itself when the walk is over; it does so at the top alone."""
    if level.above is not None:
        step.otherwise(level, tag, element, step)


def keep_text(level: Level, tag: BaseTag, element: Element, _step: Step) -> None:
    """K for text, and for bytes that may be text."""
    level.work.texts.append((level, tag, element))


def keep_code(level: Level, tag: BaseTag, element: Element, _step: Step) -> None:
    """K for code strings."""
    level.work.codes.append((level, tag, element))


def keep_number(level: Level, tag: BaseTag, element: Element, _step: Step) -> None:
    """K for numbers that are written in text."""
    level.work.numbers.append((level, tag, element))
