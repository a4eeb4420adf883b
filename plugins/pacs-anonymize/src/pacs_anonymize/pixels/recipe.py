"""Recipes of deid (their ``%filter`` sections) read as rules for pixels.

A label of a recipe is a kind of image, told by filters, with coordinates of what is to be blanked.
deid collects all labels that fit; here the first one counts. So labels stay in their order, but for
those without filters, which fit everything and go last. A whitelist vouches for its images. A label
of another list without coordinates says that an image is suspect, and has it refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from pacs_anonymize.pixels.document import PixelRuleEntry
from pacs_framework.conditions import Condition, ConditionError

__all__ = ["NotUnderstood", "Recipe", "is_recipe", "read_recipe"]

_NUMBERS = frozenset(("DS", "IS", "FL", "FD", "SL", "SS", "SV", "UL", "US", "UV"))
_ACTIONS = "contains|notcontains|equals|notequals|missing|present|empty"
_WHITELIST = "whitelist"
_ULTRASOUND = "SequenceOfUltrasoundRegions"

_is_filter = re.compile(
    rf"(?P<action>{_ACTIONS})\s+(?P<field>\S+)\s*(?P<value>.*)", re.IGNORECASE
).fullmatch
_inner = re.compile(rf"\s*(?P<operator>\|\||\+)\s*(?=(?:{_ACTIONS})\s)", re.IGNORECASE)
_is_coordinates = re.compile(
    r"(?P<ctp>ctp)?(?P<keep>keep)?coordinates\s+(?P<value>.*)", re.IGNORECASE
).fullmatch
_is_begin = re.compile(r"\s*FORMAT\s+dicom\b", re.IGNORECASE).match
_TAG = re.compile(r"0x([0-9A-Fa-f]{8})").fullmatch
_PLAIN = re.compile(r"[^.^$*?{}\[\]\\()\"]+").fullmatch


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A part of a recipe that no rule was made of; ``label`` is empty outside of labels."""

    line: int
    label: str
    reason: str

    def __str__(self) -> str:
        where = f" ({self.label})" if self.label else ""
        return f"line {self.line}{where}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a recipe says: rules, what was not understood, and how many lines are not for pixels."""

    entries: tuple[PixelRuleEntry, ...]
    problems: tuple[NotUnderstood, ...]
    others: int


@dataclass(slots=True)
class _Label:
    line: int
    name: str
    author: str
    group: str
    members: list[tuple[int, str]] = field(default_factory=list)


class _Fault(ValueError):
    """What is not understood of a label, and where."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def is_recipe(text: str) -> bool:
    """Whether a text begins as recipes of deid do."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return _is_begin(next(lines, "")) is not None


def read_recipe(text: str) -> Recipe:
    """Every label of a recipe, as a rule or as a problem."""
    labels, others = _labels(text)
    entries: list[PixelRuleEntry] = []
    last: list[PixelRuleEntry] = []
    problems: list[NotUnderstood] = []
    for label in labels:
        try:
            entry = _entry(label)
        except _Fault as fault:
            problems.append(NotUnderstood(fault.line, label.name, str(fault)))
        except (ValidationError, ConditionError) as error:
            problems.append(NotUnderstood(label.line, label.name, _reason(error)))
        else:
            (entries if entry.when else last).append(entry)
    return Recipe((*entries, *last), tuple(problems), others)


def _labels(text: str) -> tuple[list[_Label], int]:
    """The labels of the filters, and the number of lines for anything else."""
    labels: list[_Label] = []
    group, others = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        content, _, comment = line.partition("#")
        content = " ".join(content.split())
        if not content or _is_begin(content):
            continue
        if content.startswith("%"):
            kind, _, name = content[1:].partition(" ")
            group = name.lower() if kind.lower() == "filter" else ""
        elif not group:
            others += 1
        elif content.upper().startswith("LABEL"):
            labels.append(_Label(number, content[5:].strip(), comment.strip(" ()"), group))
        elif labels and labels[-1].group == group:
            labels[-1].members.append((number, content))
        else:
            others += 1
    return labels, others


def _entry(label: _Label) -> PixelRuleEntry:
    filters: _Part | None = None
    parts: dict[str, object] = {}
    for number, member in label.members:
        if found := _is_coordinates(member):
            _add_coordinates(parts, found, number)
        else:
            filters = _joined(filters, member, number)
    condition = "" if filters is None else filters.text
    if condition:
        Condition(condition)
    name = label.name or f"line {label.line}"
    why = f"recipe of deid, line {label.line}" + (f", by {label.author}" if label.author else "")
    if not parts:
        parts = {"clean": True} if label.group == _WHITELIST else {"refuse": _suspect(label)}
    return PixelRuleEntry.model_validate({"name": name, "when": condition, "why": why, **parts})


def _suspect(label: _Label) -> str:
    return f"the {label.group} of the recipe has such images: {label.name}"


# --- filters --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a condition; ``operator`` is what joins it at its top, empty where nothing does."""

    text: str
    operator: str = ""

    def joined(self, operator: str, other: _Part) -> _Part:
        """Both, with parentheses where they are needed: ``and`` goes before ``or``."""
        if other == self:
            return self
        return _Part(f"{self._beside(operator)} {operator} {other._beside(operator)}", operator)

    def negated(self) -> _Part:
        return _Part(f"not ({self.text})" if self.operator else f"not {self.text}")

    def _beside(self, operator: str) -> str:
        return f"({self.text})" if (self.operator, operator) == ("or", "and") else self.text


def _joined(before: _Part | None, member: str, line: int) -> _Part:
    """The condition so far with one more line, taken from left to right as deid does."""
    operator = "or" if member.startswith("||") else "and"
    part = _line(member.lstrip("+| "), line)
    return part if before is None else before.joined(operator, part)


def _line(member: str, line: int) -> _Part:
    """All filters of one line, which belong together."""
    start, operator = 0, ""
    made: _Part | None = None
    for found in (*_inner.finditer(member), None):
        part = _filter(member[start : found.start() if found else None], line)
        made = part if made is None else made.joined(operator, part)
        if found:
            start, operator = found.end(), "or" if found["operator"] == "||" else "and"
    assert made is not None
    return made


def _filter(text: str, line: int) -> _Part:
    found = _is_filter(text.strip())
    if found is None:
        raise _Fault(line, f"{text.strip()!r} is no filter of a recipe")
    keyword = _keyword(found["field"], line)
    action, value = found["action"].lower(), found["value"].strip()
    if action in ("missing", "empty", "present"):
        there = _Part(f"{keyword} exists")
        return there if action == "present" else there.negated()
    if not value:
        raise _Fault(line, f"{action} needs a value")
    values = [each.strip() for each in value.split("|") if each.strip()]
    make = _equal if action.endswith("equals") else _contains
    made = make(keyword, values, line)
    return made.negated() if action.startswith("not") else made


def _keyword(name: str, line: int) -> str:
    if found := _TAG(name):
        keyword = keyword_for_tag(int(found[1], 16))
        if not keyword:
            raise _Fault(line, f"{name} is no attribute of PS3.6")
        return keyword
    if tag_for_keyword(name) is None:
        raise _Fault(line, f"{name!r} is no keyword of PS3.6, so deid never finds it either")
    return name


def _equal(keyword: str, values: list[str], line: int) -> _Part:
    if not _is_number(keyword):
        return _one_of(keyword, [_quoted(each, line) for each in values])
    for each in values:
        if not each.isdigit():
            raise _Fault(line, f"{each!r} is no number, which {keyword} is")
    return _one_of(keyword, values)


def _one_of(keyword: str, values: list[str]) -> _Part:
    if len(values) == 1:
        return _Part(f"{keyword} = {values[0]}")
    return _Part(f"{keyword} in [{', '.join(values)}]")


def _contains(keyword: str, values: list[str], line: int) -> _Part:
    if _is_number(keyword):
        raise _Fault(line, f"'contains' looks into text, and {keyword} is a number")
    first, *others = (_Part(f"{keyword} contains {_quoted(each, line)}") for each in values)
    for each in others:
        first = first.joined("or", each)
    return first


def _is_number(keyword: str) -> bool:
    return dictionary_VR(tag_for_keyword(keyword) or 0) in _NUMBERS


def _quoted(value: str, line: int) -> str:
    if not _PLAIN(value) and not _is_harmless(value):
        raise _Fault(line, f"{value!r} is a regular expression, which conditions have not")
    return f'"{value}"'


def _is_harmless(value: str) -> bool:
    """Dots and brackets that are meant as such: in names of models and numbers of versions."""
    return re.fullmatch(r"[\w .,/()&-]+", value) is not None


# --- coordinates ----------------------------------------------------------------------------------


def _add_coordinates(parts: dict[str, object], found: re.Match[str], line: int) -> None:
    value, keep = found["value"].strip(), bool(found["keep"])
    if value.lower() == "all":
        parts["clean" if keep else "blank_all"] = True
    elif value.startswith("from:"):
        if not keep or value.removeprefix("from:") != _ULTRASOUND:
            raise _Fault(line, f"{value!r}: only keepcoordinates from:{_ULTRASOUND} is understood")
        parts["keep_ultrasound_regions"] = True
    else:
        rectangles = parts.setdefault("keep" if keep else "blank", [])
        assert isinstance(rectangles, list)
        rectangles.append(_rectangle(value, line, with_size=bool(found["ctp"])))


def _rectangle(value: str, line: int, *, with_size: bool) -> list[int]:
    """Left, top, width, height; deid's own coordinates have the corner instead of the size."""
    try:
        left, top, third, fourth = (int(each) for each in value.split(",") if each.strip())
    except ValueError:
        raise _Fault(line, f"{value!r} are no four numbers") from None
    return [left, top, *((third, fourth) if with_size else (third - left, fourth - top))]


def _reason(error: ValidationError | ConditionError) -> str:
    if isinstance(error, ConditionError):
        return error.message
    return "; ".join(_messages(error))


def _messages(error: ValidationError) -> Iterator[str]:
    for details in error.errors(include_url=False):
        yield str(details.get("ctx", {}).get("error") or details["msg"])
