"""Profile files read: every problem told at once, each with its place."""

from __future__ import annotations

import tomllib

from pydantic import ValidationError

from pacs_anonymize.conditions import InstanceCondition
from pacs_anonymize.engine.profile import Profile, Rule
from pacs_anonymize.pixels.anonymizer import PixelProfile
from pacs_anonymize.pixels.options import split_options
from pacs_anonymize.pixels.rules import rules_of
from pacs_anonymize.profiles.document import Document, RuleEntry
from pacs_anonymize.profiles.loaded import LoadedProfile, RefusedInstance
from pacs_anonymize.profiles.problems import Problem, UnreadableProfile, problems_of
from pacs_anonymize.profiles.selectors import in_words

__all__ = [
    "Problem",
    "UnreadableProfile",
    "load_profile",
    "made_of",
    "read_document",
]


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
        problems = tuple(problems_of(error))
        raise UnreadableProfile(source, problems) from None


def made_of(document: Document, name: str) -> LoadedProfile:
    """The profile that a file describes. Raises `ConfigurationError` for contradicting options."""
    rules = tuple(_rule(entry, number) for number, entry in enumerate(document.rule, start=1))
    options, pixels = split_options(document.options)
    return LoadedProfile(
        profile=Profile(name, options, rules),
        description=document.description or f"the profile file {name}",
        refused=tuple(
            RefusedInstance(when=InstanceCondition.read(each.when), reason=each.reason)
            for each in document.refuse
        ),
        pixels=PixelProfile(
            options=pixels, rules=rules_of(document.pixels), defacer=document.defacer
        ),
    )


def _rule(entry: RuleEntry, number: int) -> Rule:
    selector = entry.selector()
    return Rule(
        name=entry.name or f"rule {number}: {in_words(selector)}",
        attributes=selector,
        action=entry.action,
        value=entry.value,
        when=InstanceCondition.of_rule(entry.when),
    )
