"""The performers of an archive by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from pacs_framework.errors import PluginError

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_framework.archive.archive import Archive
    from pacs_ups.api import StepPerformer

__all__ = ["performers_of", "wanted_by"]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_METHODS = ("wants", "perform")

_log = structlog.get_logger(__name__)


def performers_of(archive: Archive) -> Mapping[str, StepPerformer]:
    """Those of all plugins, in the order in which they are asked.

    Raises `PluginError` for what is none, and for two of one name.
    """
    found: dict[str, StepPerformer] = {}
    owners: dict[str, str] = {}
    for plugin, performers in archive.hooks.register("step_performers", archive=archive):
        for each in performers:
            name = getattr(each, "name", "")
            if not _NAME.fullmatch(name) or not all(
                callable(getattr(each, method, None)) for method in _METHODS
            ):
                raise PluginError(
                    f"plugin {plugin!r} gives {each!r}, which is no performer of steps: it needs "
                    "a name of small letters, digits and '-', wants() and perform()"
                )
            if owners.setdefault(name, plugin) != plugin or name in found:
                raise PluginError(
                    f"two performers of steps are called {name!r}: of plugin {owners[name]!r} and "
                    f"of plugin {plugin!r}"
                )
            found[name] = each
    return found


def wanted_by(performers: Mapping[str, StepPerformer], step: Dataset) -> str:
    """The name of the first that wants a step, empty where none does.

    One that raises does not want it: else no other step would have its turn.
    """
    for name, each in performers.items():
        try:
            if each.wants(step):
                return name
        except Exception:  # noqa: BLE001 - whatever a plugin raises
            _log.exception("a performer cannot say whether it wants a step", performer=name)
    return ""
