"""Fake distributions: real metadata and real modules in a folder on the path."""

from __future__ import annotations

import sys
import textwrap
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

RANGE = ("pacs-framework>=0.1,<0.2",)


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
        requires: Sequence[str] = RANGE,
        folder: Path | None = None,
        metadata: bool = True,
    ) -> None:
        """Install ``distribution`` whose plugins are name → source of the plugin's module."""
        folder = folder or self.folder
        stem = distribution.replace("-", "_")
        info = folder / f"{stem}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = [f"{name} = {stem}_{name.replace('-', '_')}" for name in plugins]
        (info / "entry_points.txt").write_text("\n".join(["[pacs.plugins]", *lines, ""]))
        if metadata:
            head = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
            head += [f"Requires-Dist: {line}" for line in requires]
            (info / "METADATA").write_text("\n".join([*head, "", ""]))
        for name, source in plugins.items():
            module = folder / f"{stem}_{name.replace('-', '_')}.py"
            module.write_text(textwrap.dedent(source))

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
