"""Which plugin is meant: by its name, by its distribution, or by the project one stands in."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import importlib_metadata
from packaging.utils import canonicalize_name

from pacs_framework.authoring.names import PREFIX
from pacs_framework.errors import ConfigurationError
from pacs_framework.plugins.discovery import GROUP

__all__ = ["SUITES", "Target", "find_target", "installed"]

SUITES = "pacs.contract_suites"
"""Entry points of modules with the contract suites that a plugin passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An installed distribution that is to be checked, and the name of its plugin.

    ``name`` is empty where the distribution has no plugin.
    """

    name: str
    distribution: importlib_metadata.Distribution

    @property
    def plugins(self) -> list[importlib_metadata.EntryPoint]:
        """Its entry points in the group of plugins."""
        return list(self.distribution.entry_points.select(group=GROUP))

    @property
    def suites(self) -> list[importlib_metadata.EntryPoint]:
        """Its entry points in the group of contract suites."""
        return list(self.distribution.entry_points.select(group=SUITES))

    @property
    def packages(self) -> set[str]:
        """Top-level names of what its entry points lead to."""
        return {point.module.partition(".")[0] for point in (*self.plugins, *self.suites)}


def find_target(text: str | None, folder: Path) -> Target:
    """The plugin called ``text``, or the project in ``folder`` when that is None.

    Raises `ConfigurationError` when nothing of this name is installed.
    """
    wanted = _project_name(folder) if text is None else text
    owners = _owners(wanted)
    if len(owners) > 1:
        names = " and ".join(sorted(each.name for each in owners))
        raise ConfigurationError(
            f"{wanted!r} is claimed by {names}: give the name of a distribution"
        )
    distribution = owners[0] if owners else _distribution(wanted)
    target = Target(name="", distribution=distribution)
    found = [point.name for point in target.plugins]
    return replace(target, name=wanted if wanted in found else next(iter(found), ""))


def _project_name(folder: Path) -> str:
    file = folder / "pyproject.toml"
    try:
        return str(tomllib.loads(file.read_text("utf-8"))["project"]["name"])
    except FileNotFoundError:
        raise ConfigurationError(
            f"no pyproject.toml in {str(folder)!r}: name a plugin, or go to the folder of one"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{file}: no name of a project ({error})") from None


def _owners(name: str) -> list[importlib_metadata.Distribution]:
    """The distributions with a plugin of this name, each once."""
    found: dict[str, importlib_metadata.Distribution] = {}
    every = cast("Iterable[importlib_metadata.Distribution]", importlib_metadata.distributions())
    for each in every:
        if f"[{GROUP}]" not in (each.read_text("entry_points.txt") or ""):
            continue
        if each.entry_points.select(group=GROUP, name=name):
            found.setdefault(canonicalize_name(each.name), each)
    return list(found.values())


def installed(name: str) -> importlib_metadata.Distribution:
    """The distribution of this name. Raises `importlib_metadata.PackageNotFoundError`."""
    return cast("importlib_metadata.Distribution", importlib_metadata.distribution(name))


def _distribution(name: str) -> importlib_metadata.Distribution:
    for each in (name, PREFIX + name):
        with suppress(importlib_metadata.PackageNotFoundError, ValueError):
            return installed(each)
    raise ConfigurationError(
        f"no plugin or distribution {name!r} is installed here; install it first, for example "
        f"with `pip install -e .` in its folder"
    )
