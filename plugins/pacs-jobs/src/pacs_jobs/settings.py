"""The section ``[plugin.jobs]``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["JobsSettings", "KindLimits"]


class KindLimits(BaseModel):
    """Other limits for a kind than its plugin has thought of; what is not given stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_once: int | None = Field(default=None, ge=1, description="Runs at a time on this node.")
    everywhere: int | None = Field(
        default=None, ge=0, description="Runs at a time on all nodes; 0 for no limit but that."
    )
    attempts: int | None = Field(
        default=None, ge=0, description="Attempts until a job is a dead letter; 0 for never."
    )
    time_limit: float | None = Field(
        default=None, ge=0, description="Seconds that one run has; 0 for no limit."
    )


class JobsSettings(BaseModel):
    """How jobs are done here, and how long those that are over can be seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    work: bool = Field(
        default=True,
        description="Do jobs on this node; when false it only takes them, and others do them.",
    )
    keep: float = Field(
        default=7 * 86400.0,
        ge=0,
        description=(
            "Seconds that jobs stay to be seen that are done or canceled, where their kind does "
            "not say otherwise. As long as one is there, its key makes no second one."
        ),
    )
    lease: float = Field(
        default=30.0,
        ge=2,
        description=(
            "Seconds after which another node takes up what a node was doing that is silent "
            "(PostgreSQL only)."
        ),
    )
    stop_seconds: float = Field(
        default=5.0,
        ge=0,
        description="Longest time that a stop waits for jobs to end that were told to.",
    )
    limits: dict[str, KindLimits] = Field(
        default_factory=dict,
        description='Limits of single kinds: `[plugin.jobs.limits."verify"]`.',
    )
