"""An archive to show services to: for what asks plugins without a running one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pacs_framework.anonymizers.registry import AnonymizerRegistry
from pacs_framework.archive.archive import Archive
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.index.database import open_database
from pacs_framework.network.peers import PeerBook
from pacs_framework.plugins import PluginSet
from pacs_framework.storage import (
    MissingStorage,
)
from pacs_framework.tables import OpenTables

__all__ = ["empty_archive"]


@contextmanager
def empty_archive(
    folder: Path,
    anonymizers: AnonymizerRegistry | None = None,
    plugins: PluginSet | None = None,
) -> Iterator[Archive]:
    """An archive without objects in ``folder``, to show services to.

    It has the ``anonymizers``, and of ``plugins`` the codecs, the tables, empty, and the hooks that
    they offer.
    """
    plugins = plugins or PluginSet.with_local({})
    codecs = CodecRegistry()
    for plugin, provided in plugins.register("codecs"):
        codecs.add(provided, plugin=plugin)
    with (
        closing(OpenTables(dict(plugins.register("tables")), data=folder)) as tables,
        closing(open_database(f"sqlite:///{folder / 'index.sqlite'}")) as database,
        closing(
            Archive(
                database=database,
                storage=MissingStorage(),
                data=folder,
                codecs=codecs,
                encoder=codecs,
                anonymizers=anonymizers,
                tables=tables,
            )
        ) as archive,
    ):
        archive.peers = PeerBook()
        archive.hooks = plugins.offered
        yield archive
