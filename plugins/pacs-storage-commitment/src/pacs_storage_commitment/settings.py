"""The section ``[plugin.storage-commitment]``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CommitmentSettings"]


class CommitmentSettings(BaseModel):
    """How much is taken at once, and how reports get to those who asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_instances: int = Field(
        default=50_000,
        ge=1,
        description="Most instances of one request or report; more are refused with 0213H.",
    )
    same_association: bool = Field(
        default=True,
        description=(
            "Report on the association of the request while the peer keeps it open; else, and when "
            "false, on one to the peer of [peers] with its AE title."
        ),
    )
    report_timeout: float = Field(
        default=30.0,
        gt=0,
        description="Seconds that a peer has to answer a report; then it is sent again later.",
    )
    retry_first: float = Field(
        default=10.0,
        gt=0,
        description="Seconds until a report that failed is tried again; doubled each time.",
    )
    retry_longest: float = Field(
        default=3600.0, gt=0, description="Longest pause between two attempts, in seconds."
    )
    give_up_after: float = Field(
        default=7 * 86400.0,
        gt=0,
        description=(
            "Seconds after a request when its report is not tried again by itself; "
            "`pacs commitment retry` still does."
        ),
    )
