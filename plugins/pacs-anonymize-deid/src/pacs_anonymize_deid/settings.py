"""The section ``[plugin.anonymize-deid]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pacs_framework.anonymizers.burned_in import BurnedIn
from pacs_framework.config.keys import KeyReference
from pacs_framework.config.types import AbsolutePath

__all__ = ["DeidSettings"]

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")]


class DeidSettings(KeyReference):
    """The recipes, the key of their pseudonyms, and what is refused."""

    recipes: dict[_Name, AbsolutePath] = Field(
        default_factory=dict,
        description=(
            "Recipes of your own by name, which is the anonymizer's: "
            '[plugin.anonymize-deid.recipes] with research = "research.deid".'
        ),
    )
    burned_in: BurnedIn = Field(
        default=BurnedIn.REFUSE_YES,
        description=(
            "Instances that are refused because their pixels may show a name: `refuse-yes` those "
            "whose Burned In Annotation (0028,0301) is YES, `refuse-unless-no` all others but NO, "
            "`accept` none."
        ),
    )
