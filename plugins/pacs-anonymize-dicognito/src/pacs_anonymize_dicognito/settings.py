"""The section ``[plugin.anonymize-dicognito]``."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pacs_framework.anonymizers.burned_in import BurnedIn
from pacs_framework.config.keys import KeyReference

__all__ = ["DicognitoSettings"]

_AFFIXES = 4  # dicognito's identifiers have 12 characters; the rest of them tells patients apart


class DicognitoSettings(KeyReference):
    """How dicognito makes its pseudonyms, and what is refused."""

    id_prefix: str = Field(
        default="",
        pattern="^[A-Z0-9]*$",
        description="Letters and digits that each new identifier begins with, such as patient IDs.",
    )
    id_suffix: str = Field(
        default="",
        pattern="^[A-Z0-9]*$",
        description="Letters and digits that each new identifier ends with.",
    )
    burned_in: BurnedIn = Field(
        default=BurnedIn.REFUSE_YES,
        description=(
            "Instances that are refused because their pixels may show a name: `refuse-yes` those "
            "whose Burned In Annotation (0028,0301) is YES, `refuse-unless-no` all others but NO, "
            "`accept` none."
        ),
    )

    @model_validator(mode="after")
    def _room_for_patients(self) -> Self:
        if len(self.id_prefix) + len(self.id_suffix) > _AFFIXES:
            raise ValueError(
                f"id_prefix and id_suffix have more than {_AFFIXES} characters; an identifier has "
                "12, and too few are left to tell patients apart"
            )
        return self
