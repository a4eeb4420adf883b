"""The hooks of pacs-exec: a program of the site's own runs for every stored instance."""

from __future__ import annotations

from pacs_exec.run import run_for
from pacs_exec.settings import ExecSettings
from pacs_framework import hookimpl
from pacs_framework.archive.archive import Archive
from pacs_framework.archive.changes import Change


@hookimpl
def config_models() -> type[ExecSettings]:
    """The section ``[plugin.exec]``."""
    return ExecSettings


@hookimpl
def on_stored(change: Change, archive: Archive, settings: ExecSettings) -> None:
    """Run the program; one that fails is run again, later and with growing pauses."""
    if settings.on_stored:
        run_for(change, archive, settings)
