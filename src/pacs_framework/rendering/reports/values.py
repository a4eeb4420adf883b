"""Values of content items in words (PS3.3 C.18)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID

from pacs_framework.rendering.attributes import items_of, numbers_of, text_of, value_of

__all__ = [
    "class_in_words",
    "code_of",
    "date_of",
    "meaning_of",
    "name_of",
    "time_of",
    "value_in_words",
]

_CODES = ("CodeValue", "LongCodeValue", "URNCodeValue")


def meaning_of(item: Dataset, keyword: str) -> str:
    """Code Meaning of the first code under ``keyword``; its value where it has none."""
    for code in items_of(item, keyword)[:1]:
        return text_of(code, "CodeMeaning") or _value_of_code(code)
    return ""


def code_of(item: Dataset, keyword: str) -> str:
    """Value and scheme of the first code under ``keyword``: ``121071, DCM``."""
    for code in items_of(item, keyword)[:1]:
        parts = (_value_of_code(code), text_of(code, "CodingSchemeDesignator"))
        return ", ".join(part for part in parts if part)
    return ""


def name_of(item: Dataset, keyword: str) -> str:
    """A person name as it is read: prefix, given, middle and family name, suffix (PS3.5 6.2.1).

    All its representations, where there are several.
    """
    return " = ".join(filter(None, map(_one_name, text_of(item, keyword).split("="))))


def date_of(item: Dataset, keyword: str) -> str:
    """A date, or a date and time, as 2001-02-13 18:47:46; what is none stays as it is."""
    return " / ".join(map(_date, _texts(item, keyword)))


def time_of(item: Dataset, keyword: str) -> str:
    """A time as 18:47:46; what is none stays as it is."""
    return " / ".join(map(_time, _texts(item, keyword)))


def class_in_words(sop_class_uid: str) -> str:
    """The name of a SOP class, without the word that all of them have."""
    return UID(sop_class_uid).name.removesuffix(" Storage")


def value_in_words(item: Dataset, value_type: str) -> str:
    """What an item says, by its value type; empty where it only refers to something.

    Raises `UnreadableInstance`.
    """
    if value_type in _SAID:
        return _SAID[value_type](item)
    return f"(a value of type {value_type[:16]!r}, which is not shown)"


def _value_of_code(code: Dataset) -> str:
    return next((text for keyword in _CODES if (text := text_of(code, keyword))), "")


def _texts(item: Dataset, keyword: str) -> list[str]:
    value = value_of(item, keyword)
    if value is None:
        return []
    several = value if isinstance(value, MultiValue | list) else [value]
    return [str(each).strip(" \0") for each in several]


def _one_name(text: str) -> str:
    family, given, middle, prefix, suffix = (text.split("^") + [""] * 5)[:5]
    words = " ".join(filter(None, (part.strip() for part in (prefix, given, middle, family))))
    return f"{words}, {suffix.strip()}" if suffix.strip() else words


def _date(text: str) -> str:
    if len(text) < 8 or not text[:8].isdecimal():
        return text
    day, rest = f"{text[:4]}-{text[4:6]}-{text[6:8]}", text[8:]
    return f"{day} {_time(rest)}" if rest else day


def _time(text: str) -> str:
    if len(text) < 4 or not text[:4].isdecimal():
        return text
    return f"{text[:2]}:{text[2:4]}" + (f":{text[4:]}" if text[4:6].isdecimal() else text[4:])


def _text(item: Dataset) -> str:
    text = text_of(item, "TextValue")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")


def _number(item: Dataset) -> str:
    measured = items_of(item, "MeasuredValueSequence")[:1]
    said = [" / ".join(_texts(each, "NumericValue")) for each in measured]
    said += [_unit(each) for each in measured]
    qualifier = meaning_of(item, "NumericValueQualifierCodeSequence")
    return " ".join(filter(None, (*said, f"({qualifier})" if qualifier else "")))


def _unit(measured: Dataset) -> str:
    """The code itself, which is short and exact (UCUM), but for the unit 1, which says nothing."""
    for code in items_of(measured, "MeasurementUnitsCodeSequence")[:1]:
        unit = _value_of_code(code)
        return "" if unit == "1" else unit or text_of(code, "CodeMeaning")
    return ""


def _points(item: Dataset) -> str:
    numbers = numbers_of(item, "GraphicData")
    size = 3 if text_of(item, "ValueType") == "SCOORD3D" else 2
    points = [numbers[start : start + size] for start in range(0, len(numbers), size)]
    shown = " ".join(f"({', '.join(f'{value:g}' for value in point)})" for point in points)
    space = text_of(item, "ReferencedFrameOfReferenceUID")
    where = f"in frame of reference {space}" if space else ""
    return " ".join(filter(None, (text_of(item, "GraphicType"), shown, where)))


def _span(item: Dataset) -> str:
    places = (
        ("samples", "ReferencedSamplePositions"),
        ("seconds", "ReferencedTimeOffsets"),
        ("at", "ReferencedDateTime"),
    )
    said = [text_of(item, "TemporalRangeType")]
    for word, keyword in places:
        if texts := _texts(item, keyword):
            said.append(f"{word} {', '.join(map(_date, texts) if word == 'at' else texts)}")
    return " ".join(filter(None, said))


def _nothing(_: Dataset) -> str:
    return ""


_SAID: Mapping[str, Callable[[Dataset], str]] = {
    "TEXT": _text,
    "CODE": lambda item: meaning_of(item, "ConceptCodeSequence"),
    "NUM": _number,
    "DATE": lambda item: date_of(item, "Date"),
    "TIME": lambda item: time_of(item, "Time"),
    "DATETIME": lambda item: date_of(item, "DateTime"),
    "UIDREF": lambda item: text_of(item, "UID"),
    "PNAME": lambda item: name_of(item, "PersonName"),
    "SCOORD": _points,
    "SCOORD3D": _points,
    "TCOORD": _span,
    "COMPOSITE": _nothing,
    "IMAGE": _nothing,
    "WAVEFORM": _nothing,
    "CONTAINER": _nothing,
    "": _nothing,
}
