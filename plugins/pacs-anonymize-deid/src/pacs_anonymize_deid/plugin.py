"""The hooks of pacs-anonymize-deid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pacs_anonymize_deid.settings import DeidSettings
from pacs_framework import hookimpl

if TYPE_CHECKING:
    from pacs_framework.anonymizers.anonymizer import Anonymizer
    from pacs_framework.conformance.records import Contribution


@hookimpl
def config_models() -> type[DeidSettings]:
    """The section ``[plugin.anonymize-deid]``."""
    return DeidSettings


@hookimpl
def anonymizers(settings: DeidSettings) -> Mapping[str, Anonymizer]:
    """``deid``, and one for each recipe."""
    # Not above: commands that only ask for plugins need none.
    from pacs_anonymize_deid.anonymizer import offered  # noqa: PLC0415

    return offered(settings)


@hookimpl
def conformance(settings: DeidSettings) -> Sequence[Contribution]:
    """Say what is done, and what not."""
    # Not above: only `pacs conformance` asks.
    from pacs_anonymize_deid.conformance import contributions  # noqa: PLC0415

    return contributions(settings)
