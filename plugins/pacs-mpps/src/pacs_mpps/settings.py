"""The section ``[plugin.mpps]``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["MppsSettings"]


class MppsSettings(BaseModel):
    """How strictly steps are read, and who else hears of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strict: bool = Field(
        default=False,
        description=(
            "Refuse what PS3.4 Table F.7.2-1 does not allow but many modalities send: an N-CREATE "
            "without its Type 2 attributes, codes without a meaning, and a step that is "
            "discontinued without a series. When false, what is missing is taken as empty."
        ),
    )
    forward_to: tuple[str, ...] = Field(
        default=(),
        description="AE titles of [peers] that every N-CREATE and N-SET is passed on to, in order.",
    )
    notify: tuple[str, ...] = Field(
        default=(),
        description=(
            "AE titles of [peers] that are told of each change of state by N-EVENT-REPORT "
            "(Modality Performed Procedure Step Notification)."
        ),
    )
    timeout: float = Field(
        default=30.0, gt=0, description="Seconds that such a peer has to answer."
    )
    retry_first: float = Field(
        default=5.0,
        gt=0,
        description="Seconds until what a peer did not take is sent again; doubled each time.",
    )
    retry_longest: float = Field(
        default=600.0, gt=0, description="Longest pause between two attempts, in seconds."
    )
    give_up_after: float = Field(
        default=7 * 86400.0,
        gt=0,
        description=(
            "Seconds after which it is not sent again by itself; `pacs mpps retry` still does."
        ),
    )
