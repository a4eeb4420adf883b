"""A new distribution from a template: real files, in which a few names are replaced.

A template is a folder ``templates/plugin/KIND`` of the repository with a whole project in it, which
can be linted and tested as it lies there; the wheel carries it along. A kind of plugin that the
kernel has no contract for has no folder. A plugin that offers hooks may bring templates for those
who implement them: an entry point ``KIND = "module:FOLDER"`` of the group ``pacs.plugin_templates``
names a `Path`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from uuid import uuid4

import importlib_metadata
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.version import Version

from pacs_framework import __version__
from pacs_framework.authoring.names import PluginName
from pacs_framework.errors import ConfigurationError
from pacs_framework.plugins.contract import Contract

__all__ = ["Project", "check_kind", "kernel_range", "kinds", "new_project"]

_IN_WHEEL = Path(__file__).parent / "templates"
_IN_REPOSITORY = Path(__file__).parents[3] / "templates" / "plugin"
_TEMPLATES = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_REPOSITORY
_GROUP = "pacs.plugin_templates"
_LEAVINGS = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
_AUTHORS = 'authors = [{ name = "Sample Author" }]\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What a new distribution is to be: ``author`` may be empty, ``licence`` is an SPDX one."""

    name: PluginName
    kind: str
    author: str = ""
    licence: str = "MIT"


def kinds() -> tuple[str, ...]:
    """The kinds of plugins that can be made: the kernel has a contract for them, or a plugin."""
    return tuple(sorted(_own_kinds() | _of_plugins().keys()))


def _own_kinds() -> set[str]:
    return {path.name for path in _TEMPLATES.iterdir() if path.is_dir()}


def _of_plugins() -> dict[str, importlib_metadata.EntryPoint]:
    return {point.name: point for point in importlib_metadata.entry_points(group=_GROUP)}


def _template(kind: str) -> Path:
    """The folder of a kind; the kernel's own goes first."""
    if kind in _own_kinds():
        return _TEMPLATES / kind
    point = _of_plugins()[kind]
    try:
        folder = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"the template {kind!r} ({point.value}): {error}") from error
    if not isinstance(folder, Path) or not folder.is_dir():
        raise ConfigurationError(f"the template {kind!r} ({point.value}) is no folder: {folder!r}")
    return folder


def check_kind(kind: str) -> None:
    """Raise `ConfigurationError` with the reason for a kind that has no template."""
    if kind in kinds():
        return
    every = ", ".join(kinds())
    if near := get_close_matches(kind, kinds(), n=1):
        raise ConfigurationError(f"no kind {kind!r}; did you mean {near[0]!r}? (kinds: {every})")
    if f"{kind}s" in Contract().hooks:
        why = f"the kernel has the hook '{kind}s' for it, but there is no template yet"
    else:
        why = f"this kernel ({__version__}) has no contract for it, so nothing could be kept"
    raise ConfigurationError(f"kind {kind!r}: {why} (kinds: {every})")


def kernel_range(version: str = __version__) -> str:
    """The API range of a plugin that is written for this kernel: up to the next minor version."""
    kernel = Version(version)
    return f">={kernel.major}.{kernel.minor},<{kernel.major}.{kernel.minor + 1}"


def new_project(project: Project, into: Path) -> list[Path]:
    """Write ``project`` into a new folder below ``into``, named after the distribution; its files.

    Raises `ConfigurationError` for a kind without a contract and an invalid licence expression,
    OSError when the folder exists or cannot be written.
    """
    check_kind(project.kind)
    template, words = _template(project.kind), _words(project)
    root = into / project.name.distribution
    root.mkdir(parents=True)
    return [
        _write(root / _named(path, words), _rendered(source, words))
        for path, source in _sources(template)
    ]


def _words(project: Project) -> dict[str, str]:
    """What stands in a template → what takes its place."""
    name = project.name
    author = project.author.replace("\\", "\\\\").replace('"', '\\"')
    return {
        "pacs_samplename": name.package,
        "pacs-samplename": name.distribution,
        "samplename": name.name,
        "pacs-framework>=0.0,<0.1": f"pacs-framework{kernel_range()}",
        _AUTHORS: _AUTHORS.replace("Sample Author", author) if author else "",
        'license = "MIT"': f'license = "{_licence(project.licence)}"',
        "2.25.1": f"2.25.{uuid4().int}",
    }


def _licence(expression: str) -> str:
    try:
        return canonicalize_license_expression(expression)
    except InvalidLicenseExpression:
        raise ConfigurationError(
            f"licence {expression!r} is no SPDX expression; use one such as 'MIT', 'Apache-2.0' "
            f"or 'LicenseRef-Proprietary'"
        ) from None


def _sources(template: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(template.rglob("*")):
        inner = path.relative_to(template)
        if path.is_file() and _LEAVINGS.isdisjoint(inner.parts):
            yield inner, path.read_text("utf-8")


def _rendered(text: str, words: Mapping[str, str]) -> str:
    """``text`` with all words replaced in one pass, the longest that fits first."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), lambda found: words[found[0]], text)


def _named(path: Path, words: Mapping[str, str]) -> Path:
    return Path(_rendered(str(path), words))


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path
