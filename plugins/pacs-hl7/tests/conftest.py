"""An archive that takes HL7."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from pacs_framework import hookimpl
from pacs_framework.testing.running import RunningArchive
from pacs_hl7 import plugin
from pacs_hl7.journal import Journal
from pacs_hl7.mapping import default_text
from pacs_hl7.outbox import Outbox
from pacs_hl7.running import Hl7
from pacs_hl7.settings import Hl7Settings
from pacs_worklist import plugin as worklist_plugin
from pacs_worklist.api import Worklist

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from hl7_peers import Connection, encoded


@dataclass
class Site:
    """A running archive with the plugin, and what it made."""

    archive: RunningArchive
    hl7: Hl7
    settings: Hl7Settings

    @property
    def address(self) -> tuple[str, int]:
        assert self.hl7.address is not None
        return self.hl7.address

    @property
    def worklist(self) -> Worklist:
        return Worklist(self.archive.archive.tables("worklist"))

    @property
    def journal(self) -> Journal:
        return Journal(self.archive.archive.tables("hl7"))

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.archive.archive.tables("hl7"))

    def ask(self, data: bytes) -> list[list[str]]:
        """Send bytes as a message on a connection of its own; the answer's segments."""
        connection = Connection(self.address)
        try:
            return connection.ask(data)
        finally:
            connection.close()

    def send(self, segments: Sequence[str], codec: str = "latin-1") -> list[list[str]]:
        return self.ask(encoded(segments, codec))

    def code(self, segments: Sequence[str], codec: str = "latin-1") -> str:
        """The acknowledgement code of a message."""
        return self.send(segments, codec)[1][1]


@pytest.fixture(scope="session")
def mapping(tmp_path_factory) -> Path:
    """The default mapping with the station of CT."""
    file: Path = tmp_path_factory.mktemp("mapping") / "mapping.toml"
    file.write_text(default_text() + 'CT = "CT1"\n', "utf-8")
    return file


@pytest.fixture
def site(pacs_archive, mapping):
    """Runs an archive; ``settings`` are those of the plugin."""

    def run(*, index_url: str = "", folder=None, **settings) -> Site:
        made: list[Hl7] = []
        seen: list[Hl7Settings] = []

        @hookimpl
        def background(archive, settings):
            seen.append(settings)
            made.append(Hl7(archive, settings))
            return made

        hooks = SimpleNamespace(**{**vars(plugin), "background": background})
        tree: dict = {"plugin": {"hl7": {"port": 0, "mapping": str(mapping), **settings}}}
        if index_url:
            tree["index"] = {"url": index_url}
        plugins = {"worklist": worklist_plugin, "hl7": hooks}
        archive = pacs_archive(plugins, settings=tree, folder=folder)
        return Site(archive, made[0], seen[0])

    return run
