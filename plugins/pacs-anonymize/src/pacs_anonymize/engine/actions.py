"""What the action codes of PS3.15 E.1.1 mean for an attribute of a VR."""

from __future__ import annotations

from pacs_anonymize.engine import treatments
from pacs_anonymize.engine.content_trees import clean_content
from pacs_anonymize.engine.identity import Source
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.profile import Action
from pacs_anonymize.engine.table import Row
from pacs_anonymize.engine.treatments import Treatment

__all__ = [
    "BINARY",
    "BYTES",
    "DATES",
    "KEEPING",
    "KNOWN_VRS",
    "LONG_TEXTS",
    "NUMERIC",
    "SHORT_TEXTS",
    "TEXTS",
    "cleaning_by_vr",
    "cleaning_in",
    "keeping",
    "names_a_class",
    "resolved",
    "source_of",
    "treatment_of",
]

BINARY = frozenset(
    ("AT", "FD", "FL", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "US", "UV")
)
BYTES = frozenset(("OB", "UN"))
_CODES = frozenset(("CS",))
_NUMBERS = frozenset(("DS", "IS"))
SHORT_TEXTS = frozenset(("AS", "LO", "SH", "UC"))
LONG_TEXTS = frozenset(("LT", "ST", "UT"))
DATES = frozenset(("DA", "DT", "TM"))
TEXTS = SHORT_TEXTS | LONG_TEXTS | DATES | frozenset(("AE", "PN", "UI", "UR")) | _CODES

_PATIENT = frozenset((0x00100010, 0x00100020))
_BIRTH_DATE = 0x00100030
_DOCUMENT = 0x00420011

# These tell things apart: with one dummy for all, two specimens would be one.
_IDENTIFIERS = frozenset((0x00120040, 0x00120042, 0x00400512, 0x00400551))
# Their items hold references and streams alone, and the table has a row for each of these.
_MADE_OF_REFERENCES = frozenset((0x00081111, 0x00340001))

NUMERIC = BINARY | _NUMBERS
KNOWN_VRS = BINARY | BYTES | _NUMBERS | TEXTS
KEEPING = frozenset(
    (
        *(treatments.keep, treatments.keep_text, treatments.keep_code, treatments.keep_number),
        *(treatments.keep_date, treatments.keep_uid),
    )
)


def resolved(code: str, type_: int | None) -> Action:
    """An action of one code or several; ``type_`` is 1, 2 or 3 in the IOD, 0 where it has none
    there, and None where that is not known.

    X/Z/U* keeps references where an item or an empty sequence is demanded: a module that lists what
    is referenced (PS3.3 C.12.2) demands that something is, and the new UIDs lead to the same
    instances after they have been de-identified.
    """
    codes = code.replace("*", "").split("/")
    if len(codes) == 1 or type_ in (None, 1):
        return Action(codes[-1])
    if type_ == 2 and "U" not in codes:
        return Action("Z" if "Z" in codes else codes[-1])
    return Action(codes[-1] if type_ == 2 else codes[0])


def treatment_of(action: Action, tag: int, vr: str) -> Treatment:
    """What an action of the Basic Profile, or of a rule, does to an attribute."""
    if action in (Action.Z, Action.D) and tag in _PATIENT:
        return treatments.as_patient
    if action is Action.D:
        return _SPECIAL.get(tag, treatments.replace)
    if action is Action.U:
        return treatments.clean_items if vr == "SQ" else treatments.remap
    return treatments.empty if action is Action.Z else treatments.remove


_SPECIAL: dict[int, Treatment] = {
    **dict.fromkeys(_IDENTIFIERS, treatments.as_identifier),
    **dict.fromkeys(_MADE_OF_REFERENCES, treatments.clean_items),
    _DOCUMENT: treatments.as_document,
}


def cleaning_in(option: Option, vr: str) -> Treatment:
    """What C does in the column of an option."""
    if option is Option.RETAIN_LONGITUDINAL_MODIFIED_DATES:
        return treatments.modify_date
    if option is Option.RETAIN_DEVICE_IDENTITY:
        return treatments.as_device
    if option is Option.CLEAN_GRAPHICS:
        return treatments.clean_graphics if vr == "SQ" else treatments.remove
    if option is Option.CLEAN_STRUCTURED_CONTENT:
        return clean_content
    return cleaning_by_vr(vr)


def cleaning_by_vr(vr: str) -> Treatment:
    """What C does where nothing but the VR tells: in the column of descriptions, and in rules."""
    if vr == "SQ":
        return treatments.clean_items
    return treatments.modify_date if vr in DATES else treatments.clean


_KEPT_BY_VR: dict[str, Treatment] = {
    "SQ": treatments.descend,
    "UI": treatments.keep_uid,
    **dict.fromkeys(BINARY, treatments.keep),
    **dict.fromkeys(_CODES, treatments.keep_code),
    **dict.fromkeys(DATES, treatments.keep_date),
    **dict.fromkeys(_NUMBERS, treatments.keep_number),
}


def keeping(vr: str) -> Treatment:
    """What K does to an attribute; bytes that are no numbers may be text."""
    if vr in _KEPT_BY_VR:
        return _KEPT_BY_VR[vr]
    return treatments.keep_text if vr in TEXTS | BYTES or "OB" in vr else treatments.keep


def source_of(row: Row, tag: int, vr: str) -> Source:
    """Whether a value that is taken out tells who somebody is, and so must stand nowhere else.

    Descriptions and names of devices do not: their words are those of others as well.
    """
    if vr == "PN":
        return Source.PERSON
    if tag == _BIRTH_DATE:
        return Source.IDENTIFIER
    ordinary = {Option.CLEAN_DESCRIPTORS, Option.RETAIN_DEVICE_IDENTITY} & row.options.keys()
    if vr not in ("LO", "SH") or ordinary:
        return Source.NOTHING
    place = "Institution" in row.keyword or "Organization" in row.keyword
    if place or Option.RETAIN_INSTITUTION_IDENTITY in row.options:
        return Source.INSTITUTION
    return Source.IDENTIFIER


def names_a_class(keyword: str) -> bool:
    """Whether a UID names something that the standard or a maker defines, not an instance."""
    return keyword in _CLASS_UIDS or any(part in keyword for part in ("SOPClass", "TransferSyntax"))


_CLASS_UIDS = frozenset(
    (
        *("CodingSchemeUID", "ContextUID", "MappingResourceUID", "ContextGroupExtensionCreatorUID"),
        *("ImplementationClassUID", "PrivateInformationCreatorUID"),
        *("SOPClassesInStudy", "SOPClassesSupported"),
    )
)
