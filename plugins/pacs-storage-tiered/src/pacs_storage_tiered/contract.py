"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from pacs_framework.storage import StorageRegistry
from pacs_framework.tables import OpenTables
from pacs_framework.testing.suites.storage import StorageSuite
from pacs_framework.testing.suites.storing import Opener
from pacs_storage_tiered.backend import TieredBackend, open_backend
from pacs_storage_tiered.settings import Settings
from pacs_storage_tiered.tables import NAME, TABLES

__all__ = ["TestTwoFolders", "open_places"]


def open_places(data: Path, settings: Settings, plugins: Mapping[str, Any]) -> TieredBackend:
    """A backend with its tables in ``data``, over places of installed ``plugins`` (sections)."""
    tables = OpenTables({NAME: TABLES}, data=data)
    return open_backend(
        settings,
        open_url=_registry(plugins).open,
        store=tables(NAME),
        data=data,
        closed=tables.close,
    )


def _registry(plugins: Mapping[str, Any]) -> StorageRegistry:
    """As a start makes it, without one: many processes open the same place at once."""
    registry = StorageRegistry()
    for name, section in plugins.items():
        [found] = entry_points(group="pacs.plugins", name=name)
        plugin = found.load()
        settings = plugin.config_models().model_validate(section)
        for scheme, factory in plugin.storage_backends(settings).items():
            registry.add(scheme, factory, plugin=name)
    return registry


class TestTwoFolders(StorageSuite):
    """Two places with a folder each, and a second tier."""

    measures_room = True

    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        """Two copies of each object before SUCCESS."""
        settings = Settings.model_validate(
            {
                "tiers": [
                    {
                        "name": "hot",
                        "places": {name: (tmp_path / name).as_uri() for name in ("one", "two")},
                        "quorum": 2,
                    },
                    {"name": "cold", "places": {"three": (tmp_path / "three").as_uri()}},
                ],
                "patience": 30,
            }
        )
        plugins = {"storage-filesystem": {"reserve": 0}}
        with closing(OpenTables({NAME: TABLES}, data=tmp_path / "data")) as tables:
            tables.prepare()  # a process that stores would log it, where it tells its keys
        return partial(open_places, tmp_path / "data", settings, plugins)
