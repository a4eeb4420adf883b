"""The lines of a recipe of deid: a section after the other, each with its actions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Action", "Line", "read_lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A line of a recipe, as deid has it."""

    action: str
    field: str
    value: str | None = None

    def as_deid_has_it(self) -> dict[str, str]:
        """Without ``value`` where there is none: deid tells that apart."""
        made = {"action": self.action, "field": self.field}
        return made if self.value is None else {**made, "value": self.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An action, where it stands, and under which section, of which some have a name."""

    number: int
    section: str
    list_name: str
    action: Action


def read_lines(text: str) -> tuple[list[Line], list[str]]:
    """The lines of a recipe, and what is wrong with others."""
    lines: list[Line] = []
    faults: list[str] = []
    section = list_name = ""
    for number, written in _written(text):
        if written.upper().startswith("FORMAT"):
            if written.split() != ["FORMAT", "dicom"]:
                faults.append(f"line {number}: the format is 'FORMAT dicom', not {written!r}")
        elif written.startswith("%"):
            section, _, list_name = written.removeprefix("%").partition(" ")
            faults += [f"line {number}: {each}" for each in _section_faults(section, list_name)]
        elif not section:
            faults.append(f"line {number}: {written!r} stands in front of the first section")
        else:
            word, field, value = _words(written)
            action = Action(action=word, field=field, value=value)
            line = Line(number=number, section=section, list_name=list_name, action=action)
            lines.append(line)
    return lines, faults


def _written(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something, without comments."""
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.split("#", maxsplit=1)[0].strip()
        if written:
            yield number, written


def _words(written: str) -> tuple[str, str, str | None]:
    """Action, field and value, the last of which may have spaces."""
    word, *rest = written.split(maxsplit=2)
    field = rest[0] if rest else ""
    return word, field, rest[1] if len(rest) > 1 else None


def _section_faults(section: str, list_name: str) -> Iterator[str]:
    if section == "filter":
        yield "%filter is for pixels, which are not cleaned here; take it out of this recipe"
    elif section not in ("header", "fields", "values"):
        yield f"there is no section %{section}; it is %header, %fields NAME or %values NAME"
    elif (section == "header") == bool(list_name):
        yield "%header has no name, %fields and %values have one"
