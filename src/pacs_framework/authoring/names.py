"""The name of a plugin, and all the names that are made of it."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from pacs_framework.errors import ConfigurationError

__all__ = ["PREFIX", "PluginName"]

PREFIX = "pacs-"
"""What the name of a plugin's distribution begins with."""

_LONGEST = 30
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class PluginName:
    """The name of a plugin, for example ``my-tagger``: its entry point and its section."""

    name: str

    @classmethod
    def parse(cls, text: str) -> PluginName:
        """The name as its author gave it. Raises `ConfigurationError` with the reason it is none.

        There is one spelling for each name, since distributions that differ in ``.``, ``-``, ``_``
        or case are one to pip (PEP 503).
        """
        problem = _problem(text)
        if problem:
            raise ConfigurationError(f"plugin name {text!r}: {problem}")
        return cls(text)

    @property
    def distribution(self) -> str:
        """What is installed: ``pacs-my-tagger``."""
        return PREFIX + self.name

    @property
    def package(self) -> str:
        """What is imported: ``pacs_my_tagger``."""
        return self.distribution.replace("-", "_")


def _problem(text: str) -> str:
    """Why ``text`` is no name for a plugin; empty when it is one."""
    normal = canonicalize_name(text)
    if normal.startswith(PREFIX):
        rest = normal.removeprefix(PREFIX)
        return f"the distribution gets the prefix {PREFIX!r} anyway; use {rest!r}"
    if text != normal and _NAME.fullmatch(normal):
        return f"package indexes know it as {normal!r}; use that"
    if not _NAME.fullmatch(text):
        return "use lower-case letters, digits and single hyphens, beginning with a letter"
    if keyword.iskeyword(text):
        return "it is a keyword of Python; choose a noun"
    if len(text) > _LONGEST:
        return (
            f"it has {len(text)} characters, and module, section and environment variables are "
            f"made of it; use up to {_LONGEST}"
        )
    return ""
