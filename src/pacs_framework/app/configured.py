"""A validated configuration with the plugins it is for, and what these offer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from pacs_framework.anonymizers.registry import AnonymizerRegistry
from pacs_framework.app.shown import empty_archive
from pacs_framework.archive.archive import Archive
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.config import (
    Settings,
    load_settings,
    validate_plugin_sections,
)
from pacs_framework.doors import Door
from pacs_framework.errors import ConfigurationError
from pacs_framework.index.database import open_database
from pacs_framework.jobs import JobKinds, JobQueue, provided_queue
from pacs_framework.network.router import Router
from pacs_framework.network.service import DimseService
from pacs_framework.plugins import PluginSet, load_plugins
from pacs_framework.storage import (
    MissingStorage,
    StorageBackend,
    StorageRegistry,
    Surroundings,
)
from pacs_framework.tables import OpenTables, PluginTables

__all__ = ["Configured", "configure", "configure_with"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A validated configuration with the plugins it is for."""

    settings: Settings
    plugins: PluginSet

    @property
    def data(self) -> Path:
        """The folder of the archive's data."""
        return self.settings.archive.data

    @property
    def index_url(self) -> str:
        """The database: as configured, else an SQLite file among the data."""
        return self.settings.index.url or f"sqlite:///{self.data / 'index.sqlite'}"

    @property
    def storage_url(self) -> str:
        """The storage: as configured, else a folder among the data."""
        return self.settings.storage.url or (self.data / "objects").as_uri()

    def storage_registry(self) -> StorageRegistry:
        """The storage schemes of the active plugins."""
        registry = StorageRegistry()
        for plugin, factories in self.plugins.register("storage_backends"):
            for scheme, factory in factories.items():
                registry.add(scheme, factory, plugin=plugin)
        return registry

    def codec_registry(self) -> CodecRegistry:
        """The codecs of the active plugins. Raises `ConfigurationError` for an unknown name."""
        prefer = self.settings.codecs.prefer
        registry = CodecRegistry(prefer=prefer)
        provided = self.plugins.register("codecs")
        for plugin, codecs in provided:
            registry.add(codecs, plugin=plugin)
        unknown = sorted({*prefer} - {plugin for plugin, _ in provided})
        if unknown:
            raise ConfigurationError(
                f"[codecs] prefer names {unknown[0]!r}, and no active plugin of this name offers "
                "codecs"
            )
        return registry

    def anonymizer_registry(self) -> AnonymizerRegistry:
        """The anonymizers of the active plugins, by name."""
        registry = AnonymizerRegistry()
        for plugin, anonymizers in self.plugins.register("anonymizers"):
            registry.add(anonymizers, plugin=plugin)
        return registry

    def table_definitions(self) -> dict[str, PluginTables]:
        """The tables of the active plugins' own, by the name of the plugin."""
        return dict(self.plugins.register("tables"))

    @contextmanager
    def open_tables(self) -> Iterator[OpenTables]:
        """The tables of plugins without the archive around them, for a command.

        Raises `ConfigurationError` and `IndexUnavailable`.
        """
        tables = self.table_definitions()
        with ExitStack() as stack:
            index = None
            if not self.index_url.startswith("sqlite"):
                index = stack.enter_context(closing(open_database(self.index_url, migrated=False)))
            yield stack.enter_context(closing(OpenTables(tables, data=self.data, index=index)))

    def check_tables(self) -> None:
        """Raise as a start does for tables that a newer plugin wrote, where they are files."""
        tables = self.table_definitions()
        if self.index_url.startswith("sqlite"):
            OpenTables(tables, data=self.data).check()

    def check_storage(self) -> None:
        """Raise ConfigurationError when no active plugin provides the configured storage."""
        registry = self.storage_registry()
        if self.settings.storage.url:
            registry.check(self.storage_url)

    def services(self, archive: Archive) -> list[DimseService]:
        """What the active plugins offer on the wire, with ``archive`` behind it."""
        provided = self.plugins.register("dimse_services", archive=archive)
        return [service for _, each in provided for service in each]

    def check_services(self) -> None:
        """Raise as a start does for services that clash, and for what plugins find wrong then."""
        with (
            TemporaryDirectory(prefix="pacs-check-") as folder,
            empty_archive(Path(folder), self.anonymizer_registry(), self.plugins) as archive,
        ):
            self.job_queue(archive)
            Router(self.services(archive))
            self.doors(archive)

    def job_queue(self, archive: Archive) -> JobQueue:
        """Where ``archive`` puts jobs, with all kinds that active plugins do.

        Raises `ConfigurationError` for two queues, or two kinds of one name.
        """
        kinds = JobKinds()
        queue = provided_queue(self.plugins.register("job_queue", archive=archive, kinds=kinds))
        for plugin, provided in self.plugins.register("job_kinds", archive=archive):
            kinds.add(provided, plugin=plugin)
        return queue

    def doors(self, archive: Archive) -> list[Door]:
        """What the active plugins listen by besides, with ``archive`` behind it; none is open."""
        provided = self.plugins.register("doors", archive=archive)
        return [door for _, each in provided for door in each]

    @contextmanager
    def opened_storage(self) -> Iterator[StorageBackend]:
        """The configured backend without an archive around it, for a command."""
        with self.open_tables() as tables, closing(self.open_storage(tables)) as storage:
            yield storage

    def open_storage(self, tables: OpenTables) -> StorageBackend:
        """The configured backend; ``tables`` outlive it.

        Where nothing is configured and no plugin is there for the default, an archive without
        storage starts all the same and refuses each instance with A700H.
        """
        registry = self.storage_registry()
        if not self.settings.storage.url and not registry.provides(self.storage_url):
            log.warning("no storage plugin is active; every instance will be refused")
            return MissingStorage()
        surroundings = Surroundings(backends=registry, tables=tables, data=self.data)
        return registry.open(self.storage_url, surroundings)


def configure(config: Path | None, overrides: Mapping[str, object]) -> Configured:
    """Read file, environment and ``overrides`` (nested), load the plugins, validate it all.

    Raises ConfigurationError or PluginError with everything that is wrong.
    """
    return configure_with(load_settings(config, overrides))


def configure_with(settings: Settings) -> Configured:
    """Load the plugins that ``settings`` ask for and validate their sections.

    Raises ConfigurationError or PluginError with everything that is wrong.
    """
    plugins = load_plugins(settings.plugins, settings.plugin.keys())
    with ExitStack() as undo:
        undo.callback(plugins.close)
        plugins.check()
        models = plugins.config_models()
        sections = validate_plugin_sections(settings, models, inactive=plugins.inactive)
        plugins.bind_settings(sections)
        undo.pop_all()
    return Configured(settings=settings, plugins=plugins)
