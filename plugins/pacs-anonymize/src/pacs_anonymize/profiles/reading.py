"""Profile files read: every problem told at once, each with its place."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pacs_anonymize.conditions.parser import parse_condition
from pacs_anonymize.engine.profile import Profile, Rule
from pacs_anonymize.profiles.document import Document, RuleEntry
from pacs_anonymize.profiles.loaded import LoadedProfile, RefusedInstance
from pacs_anonymize.profiles.selectors import in_words
from pacs_framework.errors import ConfigurationError

__all__ = ["Problem", "UnreadableProfile", "load_profile", "made_of", "read_document"]


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
        lines = "; ".join(map(str, problems))
        super().__init__(f"the profile {name!r} cannot be used: {lines}")
        self.problems = problems


def load_profile(text: str, name: str, source: str) -> LoadedProfile:
    """The profile of a file with ``text``. Raises `UnreadableProfile` that names ``source``."""
    return made_of(read_document(text, source), name)


def read_document(text: str, source: str) -> Document:
    """What a profile file says. Raises `UnreadableProfile` with every problem."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableProfile(source, (Problem("", f"not valid TOML: {error}"),)) from error
    try:
        return Document.model_validate(content)
    except ValidationError as error:
        problems = tuple(_problems(error))
        raise UnreadableProfile(source, problems) from None


def made_of(document: Document, name: str) -> LoadedProfile:
    """The profile that a file describes. Raises `ConfigurationError` for contradicting options."""
    rules = tuple(_rule(entry, number) for number, entry in enumerate(document.rule, start=1))
    return LoadedProfile(
        profile=Profile(name, frozenset(document.options), rules),
        description=document.description or f"the profile file {name}",
        refused=tuple(
            RefusedInstance(when=parse_condition(each.when), reason=each.reason)
            for each in document.refuse
        ),
    )


def _rule(entry: RuleEntry, number: int) -> Rule:
    selector = entry.selector()
    return Rule(
        name=entry.name or f"rule {number}: {in_words(selector)}",
        attributes=selector,
        action=entry.action,
        value=entry.value,
        when=parse_condition(entry.when) if entry.when else None,
    )


def _problems(error: ValidationError) -> Iterator[Problem]:
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
