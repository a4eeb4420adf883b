"""Person names (PS3.5 6.2.1): one form to search by, and the matching of a key.

A value has up to three component groups (alphabetic, ideographic, phonetic) with ``=`` between
them, each of up to five components with ``^`` between them. Case, the spaces around components and
empty components at the end mean nothing. What else wild cards do in names is for the implementation
to define (PS3.4 C.2.2.2.4): here a key of one group is tried on every group of a name, and a key of
several groups on each group in its place, empty ones matching everything.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from pacs_framework.dicom.wildcards import compile_wildcard

__all__ = ["normalise_person_name", "person_name_matcher"]

_COMPONENTS = 5


def normalise_person_name(value: str) -> str:
    """The search form of a name: case folded, composed (NFC), spaces around components and empty
    components and groups at the end removed. ``'Doe^John^^^=山田'`` gives ``'doe^john=山田'``.
    """
    return "=".join(_groups(value)).rstrip("=")


def _groups(value: str) -> list[str]:
    return [_normalise_group(group) for group in _fold(value).split("=")]


def _fold(value: str) -> str:
    if value.isascii():
        return value.lower()
    folded = unicodedata.normalize("NFC", value).casefold()
    return unicodedata.normalize("NFC", folded)


def _normalise_group(group: str) -> str:
    return "^".join(component.strip() for component in group.split("^")).rstrip("^")


def person_name_matcher(key: str) -> Callable[[str], bool]:
    """A function that says whether a name matches ``key``, with or without wild cards."""
    groups = normalise_person_name(key).split("=")
    tests = [_group_matcher(group) if group else None for group in groups]

    def in_any_group(name: str) -> bool:
        test = tests[0]
        return test is None or any(test(group) for group in _groups(name))

    def in_its_group(name: str) -> bool:
        parts = _groups(name)
        parts += [""] * (len(tests) - len(parts))
        return all(test is None or test(part) for test, part in zip(tests, parts, strict=False))

    return in_any_group if len(tests) == 1 else in_its_group


def _group_matcher(key: str) -> Callable[[str], bool]:
    """One group against one: empty components at the end are there and not there, so that both
    ``doe^*`` and ``*doe`` match ``doe``.
    """
    test = compile_wildcard(key)

    def matches(group: str) -> bool:
        if test(group):
            return True
        padding = "^" * max(0, _COMPONENTS - 1 - group.count("^"))
        return bool(group and padding) and test(group + padding)

    return matches
