"""What is wrong with a condition, and where."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ConditionError", "Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a condition; both count from 1."""

    line: int
    column: int


class ConditionError(ValueError):
    """A condition that cannot be meant; the message says where, and what to write instead."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(f"line {place.line}, column {place.column}: {message}")
        self.place = place
