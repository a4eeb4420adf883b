"""The section ``[plugin.store]``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["StoreSettings"]


class StoreSettings(BaseModel):
    """What the storage service takes in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accept: frozenset[str] = Field(
        default=frozenset(),
        description=(
            'Modalities to accept, for example ["CT", "MR"]; instances of another modality are '
            "refused with 0124H. Empty accepts all."
        ),
    )
    unknown_sop_classes: bool = Field(
        default=False,
        description=(
            "Accept storage SOP classes that are not in the standard's list, private ones among "
            "them. The presentation context of an unknown abstract syntax is then accepted."
        ),
    )
