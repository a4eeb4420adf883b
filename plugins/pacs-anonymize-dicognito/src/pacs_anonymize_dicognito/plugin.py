"""The hooks of pacs-anonymize-dicognito."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pacs_anonymize_dicognito.settings import DicognitoSettings
from pacs_framework import hookimpl

if TYPE_CHECKING:
    from pacs_framework.anonymizers.anonymizer import Anonymizer
    from pacs_framework.conformance.records import Contribution


@hookimpl
def config_models() -> type[DicognitoSettings]:
    """The section ``[plugin.anonymize-dicognito]``."""
    return DicognitoSettings


@hookimpl
def anonymizers(settings: DicognitoSettings) -> Mapping[str, Anonymizer]:
    """One, called ``dicognito``."""
    # Not above: commands that only ask for plugins need none.
    from pacs_anonymize_dicognito.anonymizer import offered  # noqa: PLC0415

    return offered(settings)


@hookimpl
def conformance(settings: DicognitoSettings) -> Sequence[Contribution]:
    """Say what is done, and what not."""
    # Not above: only `pacs conformance` asks.
    from pacs_anonymize_dicognito.conformance import contributions  # noqa: PLC0415

    return contributions(settings)
