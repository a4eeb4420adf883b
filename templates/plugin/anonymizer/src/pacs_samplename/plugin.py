"""The hooks: one anonymizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl
from pacs_framework.anonymizers.anonymizer import Anonymizer

from pacs_samplename.allow_list import AllowList
from pacs_samplename.settings import Settings

if TYPE_CHECKING:
    from pacs_framework.conformance.records import Contribution

__all__ = ["anonymizers", "config_models", "conformance"]


@hookimpl
def config_models() -> type[Settings]:
    """The section ``[plugin.samplename]``."""
    return Settings


@hookimpl
def anonymizers(settings: Settings) -> Mapping[str, Anonymizer]:
    """Commands and rules ask for it by this name. A key that cannot be read stops the start."""
    return {"samplename": AllowList(settings.key())}


@hookimpl
def conformance(settings: Settings) -> Sequence[Contribution]:
    """Document what is claimed of de-identification."""
    # Not above: only `pacs conformance` asks.
    from pacs_samplename.conformance import contributions  # noqa: PLC0415

    return contributions(settings)
