"""Fake distributions: real metadata and real modules in a folder on the path."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from pacs_framework.archive.incoming import IncomingInstance, Origin
from pacs_framework.config import PluginsSettings
from pacs_framework.plugins import PluginRow, PluginSet, load_plugins
from pacs_framework.plugins.coerced import indexed_text
from pacs_framework.testing.distributions import API_RANGE, install_distribution


@dataclass
class Site:
    """A folder that distributions are installed into."""

    folder: Path
    more: list[Path] = field(default_factory=list)

    def install(
        self,
        distribution: str,
        plugins: Mapping[str, str],
        *,
        version: str = "1.0",
        requires: Sequence[str] = API_RANGE,
        folder: Path | None = None,
        metadata: bool = True,
    ) -> None:
        """Install ``distribution`` whose plugins are name → source of the plugin's module."""
        install_distribution(
            folder or self.folder,
            distribution,
            plugins,
            version=version,
            requires=requires,
            metadata=metadata,
        )

    def load(self, configured: Sequence[str] = (), **lists: Any) -> PluginSet:
        """What the archive makes of the installed plugins."""
        path = [str(folder) for folder in (self.folder, *self.more)]
        return load_plugins(PluginsSettings(**lists), set(configured), path=path)

    def row(self, name: str, configured: Sequence[str] = (), **lists: Any) -> PluginRow:
        """The row of one plugin."""
        (row,) = (each for each in self.load(configured, **lists).rows() if each.name == name)
        return row


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder for distributions, in front of the path; its modules go afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def instance() -> Callable[..., IncomingInstance]:
    """Makes an instance at the door; keywords override elements of its data set."""

    def make(**elements: str) -> IncomingInstance:
        dataset = Dataset()
        dataset.SOPClassUID = CTImageStorage
        dataset.SOPInstanceUID = "1.2.3.4"
        dataset.StudyInstanceUID = "1.2"
        dataset.SeriesInstanceUID = "1.2.3"
        dataset.PatientID = "PID1"
        dataset.PatientName = "SECRETNAME^ANNA"
        dataset.Modality = "CT"
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        return IncomingInstance(
            origin=Origin(door="dimse", calling_aet="CT1"),
            sop_class_uid=CTImageStorage,
            sop_instance_uid="1.2.3.4",
            transfer_syntax_uid=ExplicitVRLittleEndian,
            size=1000,
            attributes=indexed_text(dataset),
            load_dataset=lambda: Dataset(dataset),
        )

    return make
