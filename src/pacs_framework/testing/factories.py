"""What the fixtures ``pacs_archive`` and ``pacs_association`` give: see `pytest_plugin`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import pynetdicom

from pacs_framework.network.association import Association
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.requestor import connect
from pacs_framework.storage import StorageBackend
from pacs_framework.testing.process import ServedArchive, served
from pacs_framework.testing.running import RunningArchive, proposals, running_archive
from pacs_framework.testing.stacked import Stacked

__all__ = ["Archives", "Associations", "Reachable"]


class Archives(Stacked):
    """Runs archives and stops them at the end; each has a folder of its own below ``folder``."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._numbers = count(1)

    def __call__(
        self,
        plugins: Mapping[str, object] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
        storage: StorageBackend | None = None,
        folder: Path | None = None,
    ) -> RunningArchive:
        """Run one in this process with ``plugins`` alone: name → module, object or class.

        ``settings`` are nested like the configuration file. Objects are kept in memory, or in
        ``storage``, or where ``settings`` say. ``folder`` continues with the data of another one,
        which must be stopped (`RunningArchive.stop`).
        """
        running = running_archive(
            folder or self._new_folder(), plugins, settings=settings, storage=storage
        )
        return self._stack.enter_context(running)

    def served(self, *, config: str = "", folder: Path | None = None, **more: Any) -> ServedArchive:
        """Run ``pacs serve`` in a process of its own, with the plugins that are installed.

        ``config`` is TOML; ``more`` goes to `pacs_framework.testing.process.served`.
        """
        archive = served(folder or self._new_folder(), config=config, **more)
        return self._stack.enter_context(archive)

    def _new_folder(self) -> Path:
        return self._folder / f"archive-{next(self._numbers)}"


class Reachable(Protocol):
    """Anything that listens under an AE title: a `RunningArchive`, a `ServedArchive`."""

    @property
    def host(self) -> str:
        """Its address."""

    @property
    def port(self) -> int:
        """Its port."""

    @property
    def aet(self) -> str:
        """Its AE title."""


class Associations(Stacked):
    """Opens associations; those still open at the end are aborted."""

    def __call__(
        self,
        archive: Reachable,
        *abstract_syntaxes: str,
        contexts: tuple[ProposedContext, ...] = (),
        calling_aet: str = "TESTSCU",
        **more: Any,
    ) -> Association:
        """Open one by our own requestor; ``more`` goes to `connect`.

        ``contexts`` are proposed as they are, or else ``abstract_syntaxes``, each in explicit and
        in implicit VR little endian. Raises as `connect` does.
        """
        association = connect(
            archive.host,
            archive.port,
            calling_aet=calling_aet,
            called_aet=archive.aet,
            contexts=contexts or proposals(abstract_syntaxes),
            **more,
        )
        self._stack.callback(association.abort)
        return association

    def pynetdicom(
        self,
        archive: Reachable,
        *abstract_syntaxes: str,
        transfer_syntaxes: str | list[str] | None = None,
        calling_aet: str = "TESTSCU",
        **more: Any,
    ) -> pynetdicom.association.Association:
        """Open one by pynetdicom, an independent peer; ``more`` goes to `AE.associate`.

        It is not established when the archive rejected it.
        """
        ae = pynetdicom.AE(ae_title=calling_aet)
        for uid in abstract_syntaxes:
            ae.add_requested_context(uid, transfer_syntaxes)
        association = ae.associate(archive.host, archive.port, ae_title=archive.aet, **more)
        self._stack.callback(_abort, association)
        return association


def _abort(association: pynetdicom.association.Association) -> None:
    if association.is_established:
        association.abort()
    association.join()
