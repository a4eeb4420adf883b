"""What one hook costs: ``on_store`` asked of 0, 1, 10 and 50 plugins that have no objection."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from bench.results import Column, Result
from pacs_framework import hookimpl
from pacs_framework.archive.incoming import IncomingInstance, Origin
from pacs_framework.plugins import PluginSet

__all__ = ["measure_hooks"]

_PLUGINS = (0, 1, 10, 50)
_CALLS = 2000
_REPEATS = 7


def _agreeing() -> SimpleNamespace:
    def on_store(instance: Any, settings: Any) -> None:
        """No objection."""

    return SimpleNamespace(on_store=hookimpl(on_store))


def _instance() -> IncomingInstance:
    return IncomingInstance(
        origin=Origin(door="bench"),
        sop_class_uid=MRImageStorage,
        sop_instance_uid="2.25.1",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        size=10_000,
        attributes={},
        load_dataset=Dataset,
    )


def measure_hooks() -> Result:
    """The row; its columns are numbers of plugins."""
    result = Result(
        name="hook",
        title="one on_store decision",
        unit="µs",
        higher_is_better=False,
        table="hooks",
    )
    sets = {
        count: PluginSet.with_local({f"plugin-{n}": _agreeing() for n in range(count)})
        for count in _PLUGINS
    }
    instance = _instance()
    for _ in range(_REPEATS):
        for count, plugins in sets.items():
            column = result.columns.setdefault(f"{count} plugins", Column())
            start = time.perf_counter()
            for _ in range(_CALLS):
                plugins.decide_store(instance)
            column.samples.append((time.perf_counter() - start) / _CALLS * 1e6)
    return result
