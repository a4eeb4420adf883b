"""The hooks: every instance is judged before it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl
from pacs_framework.archive.incoming import Coercion, IncomingInstance, Refusal

from pacs_samplename.rules import judge
from pacs_samplename.settings import Settings

if TYPE_CHECKING:
    from pacs_framework.conformance.records import Contribution

__all__ = ["config_models", "conformance", "idle_hooks", "on_store"]


@hookimpl
def config_models() -> type[Settings]:
    """The section ``[plugin.samplename]``."""
    return Settings


@hookimpl
def idle_hooks(settings: Settings) -> tuple[str, ...]:
    """Without a rule no instance needs to be asked about, and storing one costs nothing more."""
    return () if settings.required or settings.institution else ("on_store",)


@hookimpl
def on_store(instance: IncomingInstance, settings: Settings) -> Refusal | Coercion | None:
    """Refuse what lacks a required attribute, fill in the institution, else keep what came.

    If this raised, the instance would be refused with 0110H and the log would name this plugin.
    """
    return judge(instance, settings)


@hookimpl
def conformance(settings: Settings) -> Sequence[Contribution]:
    """Document what is refused and what is filled in."""
    # Not above: only `pacs conformance` asks.
    from pacs_samplename.conformance import contributions  # noqa: PLC0415

    return contributions(settings)
