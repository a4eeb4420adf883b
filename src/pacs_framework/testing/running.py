"""An archive that runs in this process, with any plugins, on a free port.

For a whole archive in a process of its own, with the installed plugins, see
`pacs_framework.testing.process`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_framework.app import App, Configured
from pacs_framework.archive.archive import Archive
from pacs_framework.archive.incoming import Origin
from pacs_framework.config import load_settings, validate_plugin_sections
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.hookspecs import hookimpl
from pacs_framework.network.association import Association
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.listener import Listener
from pacs_framework.network.requestor import connect
from pacs_framework.plugins import PluginSet
from pacs_framework.storage import BackendFactory, StorageBackend
from pacs_framework.testing.instances import encoded_instance
from pacs_framework.testing.memory_storage import MemoryStorage

if TYPE_CHECKING:
    from pacs_framework.archive.ingest import StoreOutcome

__all__ = ["RunningArchive", "proposals", "running_archive"]

_GIVEN = "given"
_DOOR = Origin(door="test")
_LITTLE_ENDIAN = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningArchive:
    """A running archive: where it listens, where its data are, and what it is made of."""

    app: App
    data: Path

    @property
    def archive(self) -> Archive:
        """The use cases, as a plugin gets them."""
        return self.app.archive

    @property
    def plugins(self) -> PluginSet:
        """The plugins it runs with."""
        return self.app.plugins

    @property
    def listener(self) -> Listener:
        """What accepts associations."""
        assert self.app.listener is not None
        return self.app.listener

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self.app.address[0]

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.app.address[1]

    @property
    def aet(self) -> str:
        """Its AE title."""
        return str(self.app.settings.archive.aet)

    def associate(
        self,
        *abstract_syntaxes: str,
        contexts: Sequence[ProposedContext] = (),
        calling_aet: str = "TESTSCU",
        **more: Any,
    ) -> Association:
        """Open an association, a context manager; ``more`` goes to `connect`.

        ``contexts`` are proposed as they are, or else ``abstract_syntaxes``, each in explicit and
        in implicit VR little endian.
        """
        return connect(
            self.host,
            self.port,
            calling_aet=calling_aet,
            called_aet=self.aet,
            contexts=contexts or proposals(abstract_syntaxes),
            **more,
        )

    def stop(self) -> None:
        """Stop it before the block ends; harmless when called twice."""
        self.app.stop()

    def take_in(self, *instances: Dataset, calling_aet: str = "") -> list[StoreOutcome]:
        """Keep instances as if they had arrived, by the door ``test``; what became of each.

        They are encoded in the transfer syntax of their ``file_meta``, and come from the AE title
        ``calling_aet``. Raises as `Reception.commit` does.
        """
        origin = replace(_DOOR, calling_aet=calling_aet)
        return [self._take_in(instance, origin) for instance in instances]

    def _take_in(self, instance: Dataset, origin: Origin) -> StoreOutcome:
        syntax = str(instance.file_meta.TransferSyntaxUID)
        meta = FileMeta(
            sop_class_uid=str(instance.SOPClassUID),
            sop_instance_uid=str(instance.SOPInstanceUID),
            transfer_syntax_uid=syntax,
        )
        with self.archive.receive(origin, meta) as reception:
            reception.write(encoded_instance(instance))
            return reception.commit()


@contextmanager
def running_archive(
    folder: Path,
    plugins: Mapping[str, object] | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    storage: StorageBackend | None = None,
) -> Iterator[RunningArchive]:
    """Run an archive with its data in ``folder``; stopped when the block ends.

    plugins
        Name → module, object or class, as behind an entry point; only these, in this order.
    settings
        Nested like the configuration file, ``{"plugin": {NAME: {…}}}`` included. The environment
        and the machine's configuration are not read.
    storage
        Where objects go: a new `MemoryStorage` unless told. Where ``settings`` name a storage URL,
        one of the plugins must provide its scheme.

    Raises ConfigurationError and PluginError as a start does.
    """
    wanted = dict(settings or {})
    bodies = dict(plugins or {})
    if "storage" not in wanted:
        wanted["storage"] = {"url": f"{_GIVEN}:"}
        bodies[f"{_GIVEN}-storage"] = _GivenStorage(storage or MemoryStorage())
    configured = _configured(folder, wanted, bodies)
    with App(configured) as app:
        yield RunningArchive(app=app, data=configured.data)


def _configured(
    folder: Path, wanted: Mapping[str, Any], bodies: Mapping[str, object]
) -> Configured:
    archive = {"data": folder, **wanted.get("archive", {})}
    network = {"host": "127.0.0.1", "port": 0, **wanted.get("network", {})}
    overrides = {**wanted, "archive": archive, "network": network}
    settings = load_settings(None, overrides, environment={})
    plugins = PluginSet.with_local(bodies, limits=settings.plugins)
    sections = validate_plugin_sections(settings, plugins.config_models())
    plugins.bind_settings(sections)
    return Configured(settings=settings, plugins=plugins)


class _GivenStorage:
    """A plugin that provides one storage that is there already."""

    def __init__(self, storage: StorageBackend) -> None:
        self._storage = storage

    @hookimpl
    def storage_backends(self) -> Mapping[str, BackendFactory]:
        """Its own scheme."""
        return {_GIVEN: lambda _url: self._storage}


def proposals(abstract_syntaxes: Sequence[str]) -> list[ProposedContext]:
    """Presentation contexts to propose, each in explicit and in implicit VR little endian."""
    return [
        ProposedContext(
            context_id=2 * number + 1,
            abstract_syntax=str(uid),
            transfer_syntaxes=_LITTLE_ENDIAN,
        )
        for number, uid in enumerate(abstract_syntaxes)
    ]
