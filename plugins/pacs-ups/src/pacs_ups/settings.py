"""The section ``[plugin.ups]``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["UpsSettings"]


class UpsSettings(BaseModel):
    """How long steps are kept, and how those get their reports who subscribed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_answers: int = Field(
        default=10_000,
        ge=0,
        description="Most steps that a query may match; more fail it with A700H. 0 is no limit.",
    )
    worklist_label: str = Field(
        default="WORKLIST",
        min_length=1,
        max_length=64,
        description="Worklist Label (0074,1202) of a step that is created without one.",
    )
    keep_ended: float = Field(
        default=7 * 86400.0,
        ge=0,
        description=(
            "Seconds after which a step that is COMPLETED or CANCELED is deleted, unless a "
            "subscriber holds a deletion lock on it."
        ),
    )
    event_reports: bool = Field(
        default=True,
        description=(
            "Take subscriptions; when false, they are refused with C315H, and only who is "
            "subscribed already is told of events."
        ),
    )
    deletion_locks: bool = Field(
        default=True,
        description=(
            "Grant deletion locks; when false, who wants one is subscribed without (B301H)."
        ),
    )
    fallback_aets: tuple[str, ...] = Field(
        default=(),
        description=(
            "AE titles of [peers] that are told of a restart, whether they are subscribed or not."
        ),
    )
    report_timeout: float = Field(
        default=30.0,
        gt=0,
        description="Seconds that a peer has to answer a report; then it is sent again later.",
    )
    retry_first: float = Field(
        default=5.0,
        gt=0,
        description="Seconds until a peer that cannot be told is tried again; doubled each time.",
    )
    retry_longest: float = Field(
        default=600.0, gt=0, description="Longest pause between two attempts, in seconds."
    )
    give_up_after: float = Field(
        default=86400.0,
        gt=0,
        description="Seconds after which a report that cannot be delivered is dropped.",
    )
    retrieve_aet: str = Field(
        default="",
        max_length=16,
        description=(
            "Retrieve AE Title (0008,0054) of what performers of the archive have made; empty: as "
            "the input of the step says it."
        ),
    )
    perform_at_once: int = Field(
        default=1, ge=1, description="Steps that this node performs itself at a time."
    )
    perform_attempts: int = Field(
        default=3, ge=1, description="How often that is tried until the step is CANCELED."
    )
