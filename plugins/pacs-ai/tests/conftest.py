"""An archive with models of the configuration and of plugins."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pacs_ai import plugin
from pacs_ai.terms import NAME
from pacs_framework.storage import StorageBackend
from pacs_framework.testing.factories import Archives

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from ai_archives import HERE, Ai, Start


@pytest.fixture
def start(pacs_archive: Archives) -> Start:
    """An archive with models of the configuration; other plugins may bring more."""

    def run(
        *models: dict[str, Any],
        others: dict[str, object] | None = None,
        index: str = "",
        beside: dict[str, Any] | None = None,
        storage: StorageBackend | None = None,
        **own: Any,
    ) -> Ai:
        own["models"] = [{"version": "1", **model} for model in models]
        settings: dict[str, Any] = {"plugin": {NAME: own, **(beside or {})}}
        if index:
            settings["index"] = {"url": index}
        running = pacs_archive({NAME: plugin, **(others or {})}, settings=settings, storage=storage)
        return Ai(running, own)

    return run


@pytest.fixture
def python_model() -> Callable[..., dict[str, Any]]:
    """A model of `ai_sample_models`, as the configuration names it."""

    def named(attribute: str, **more: Any) -> dict[str, Any]:
        name = attribute.lower()
        load = f"ai_sample_models:{attribute}"
        return {"name": name, "load": load, "folder": str(HERE), "network": True, **more}

    return named
