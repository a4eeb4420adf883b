"""The hooks of pacs-compress: a decision on every instance that arrives."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from pacs_compress.rules import choose
from pacs_compress.settings import CompressSettings
from pacs_framework import hookimpl
from pacs_framework.archive.incoming import Compression, IncomingInstance

if TYPE_CHECKING:
    from pacs_framework.conformance.records import Contribution


@hookimpl
def config_models() -> type[CompressSettings]:
    """The section ``[plugin.compress]``."""
    return CompressSettings


@hookimpl
def idle_hooks(settings: CompressSettings) -> Collection[str]:
    """Without a rule there is nothing to judge."""
    return () if settings.rules else ("on_store",)


@hookimpl
def on_store(instance: IncomingInstance, settings: CompressSettings) -> Compression | None:
    """Have compressed what a rule is for."""
    return choose(instance, settings.rules)


@hookimpl
def conformance(settings: CompressSettings) -> Sequence[Contribution]:
    """Document what is stored otherwise than it arrives."""
    # Not above: only `pacs conformance` asks.
    from pacs_compress.conformance import contributions  # noqa: PLC0415

    return contributions(settings)
