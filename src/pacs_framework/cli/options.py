"""The options of every command that works on an archive, and what they open."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pacs_framework.cli.importing import importing
from pacs_framework.config import Settings, load_settings

if TYPE_CHECKING:
    from pacs_framework.app import Configured

__all__ = ["ArchiveChoice", "archive_options"]

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveChoice:
    """Which archive the user means: a configuration file, a data folder, or the defaults."""

    config: Path | None
    data: Path | None

    def configured(self, overrides: Mapping[str, Mapping[str, object]] | None = None) -> Configured:
        """Read and validate everything that is configured, plugins included.

        ``overrides`` are settings from the command line, by section; None leaves one alone. The
        plugins are closed when the command ends.
        """
        tree = {name: dict(section) for name, section in (overrides or {}).items()}
        if self.data is not None:
            tree.setdefault("archive", {})["data"] = str(self.data)
        with importing():
            from pacs_framework.app import configure  # noqa: PLC0415 - `health` needs no archive

            configured = configure(self.config, tree)
        context = click.get_current_context(silent=True)
        if context is not None:
            context.call_on_close(configured.plugins.close)
        return configured

    def settings(self) -> Settings:
        """Read and validate the kernel's own settings; no plugin is loaded for that."""
        data = None if self.data is None else str(self.data)
        return load_settings(self.config, {"archive": {"data": data}})


def archive_options(command: _F) -> _F:
    """Add ``--config`` and ``--data``; the command gets them as one `ArchiveChoice`."""

    @functools.wraps(command)
    def run(config: Path | None, data: Path | None, **rest: Any) -> Any:
        return command(choice=ArchiveChoice(config=config, data=data), **rest)

    for decorate in (
        click.option(
            "--data",
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder of the archive's data.  [default: ./pacs-data]",
        ),
        click.option(
            "--config",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            envvar="PACS_CONFIG",
            help="TOML file with settings; `pacs config` prints one.",
        ),
    ):
        run = decorate(run)
    return run  # type: ignore[return-value]
