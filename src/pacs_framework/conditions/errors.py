"""What is wrong with a condition, and where."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ConditionError", "Place"]

_BEFORE, _WIDTH = 48, 76  # characters of a long line that are shown: before the place, and in all


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a condition; both count from 1."""

    line: int
    column: int


class ConditionError(ValueError):
    """A condition that cannot be meant.

    ``message`` says where, and what to write instead, in one line; as text the error shows the
    place as well, with a caret below it.
    """

    def __init__(self, message: str, place: Place, text: str = "") -> None:
        super().__init__(message, place, text)  # all of it: errors go to other processes
        self.message = f"line {place.line}, column {place.column}: {message}"
        self.place = place

    def within(self, text: str) -> ConditionError:
        """The same, which shows the place in the condition that it is about."""
        message, place, _ = self.args
        return ConditionError(message, place, text)

    def __str__(self) -> str:
        text = self.args[2]
        return f"{self.message}\n{_pointed(text, self.place)}" if text else self.message


def _pointed(text: str, place: Place) -> str:
    """The line, or what is around the place in a long one, and a caret below."""
    line = "".join(each if each.isprintable() else " " for each in _line(text, place.line))
    start = max(0, place.column - 1 - _BEFORE)
    before, after = "…" if start else "", "…" if len(line) > start + _WIDTH else ""
    caret = " " * (len(before) + place.column - 1 - start)
    return f"    {before}{line[start : start + _WIDTH]}{after}\n    {caret}^"


def _line(text: str, number: int) -> str:
    return text.split("\n")[number - 1]
