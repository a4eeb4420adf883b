"""What is wrong with a file of rules, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pacs_framework.errors import ConfigurationError

__all__ = ["Problem", "UnreadableProfile", "problems_of"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong; ``place`` is such as ``rule 3, when``."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class UnreadableProfile(ConfigurationError):
    """A profile file cannot be used; it has ``problems``."""

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"the profile {name!r} cannot be used:{_listed(problems)}")
        self.problems = problems


def _listed(problems: tuple[Problem, ...]) -> str:
    """In one line where they fit into one: some show a place, with a caret below it."""
    texts = [str(each) for each in problems]
    shown = any("\n" in text for text in texts)
    return "".join(f"\n{text}" for text in texts) if shown else f" {'; '.join(texts)}"


def problems_of(error: ValidationError) -> Iterator[Problem]:
    """What is wrong with a document, each with its place."""
    for details in error.errors(include_url=False):
        yield Problem(_place(details["loc"]), _message(dict(details)))


def _place(location: tuple[int | str, ...]) -> str:
    """``("rule", 2, "when")`` is ``rule 3, when``."""
    parts: list[str] = []
    for each in location:
        if isinstance(each, int) and parts:
            parts[-1] = f"{parts[-1]} {each + 1}"
        else:
            parts.append(str(each))
    return ", ".join(parts)


def _message(details: dict[str, Any]) -> str:
    if details["type"] == "extra_forbidden":
        return "this key is not known here"
    if details["type"] == "missing":
        return "this key is required"
    message = str(details.get("ctx", {}).get("error") or details["msg"])
    return message[:1].lower() + message[1:]
