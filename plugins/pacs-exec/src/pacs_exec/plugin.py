"""The hooks of pacs-exec: a program of the site's own runs for every stored instance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_exec.run import run_for
from pacs_exec.settings import ExecSettings
from pacs_framework import hookimpl
from pacs_framework.archive.changes import Change

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.conformance.records import Contribution


@hookimpl
def config_models() -> type[ExecSettings]:
    """The section ``[plugin.exec]``."""
    return ExecSettings


@hookimpl
def idle_hooks(settings: ExecSettings) -> tuple[str, ...]:
    """Without a program, nobody needs to read the change feed for it."""
    return () if settings.on_stored else ("on_stored",)


@hookimpl
def on_stored(change: Change, archive: Archive, settings: ExecSettings) -> None:
    """Run the program; one that fails is run again, later and with growing pauses."""
    run_for(change, archive, settings)


@hookimpl
def conformance(settings: ExecSettings) -> Sequence[Contribution]:
    """Document that a program runs for stored instances."""
    # Not above: only `pacs conformance` asks.
    from pacs_exec.conformance import contributions  # noqa: PLC0415

    return contributions(settings)
