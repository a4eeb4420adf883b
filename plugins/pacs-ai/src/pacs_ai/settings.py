"""The section ``[plugin.ai]``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, field_validator, model_validator

from pacs_ai.model_settings import ModelSettings
from pacs_ai.performing.settings import WorkitemSettings
from pacs_framework.config.types import AbsolutePath, Seconds, Section, Size

if TYPE_CHECKING:
    from pacs_framework.conditions import Condition

__all__ = [
    "AiSettings",
    "TriggerSettings",
]

_GIB = 1 << 30
_GPU = re.compile(r"[0-9]{1,3}|(GPU|MIG)-[0-9a-zA-Z-]{1,64}")


class TriggerSettings(Section):
    """Which model runs by itself on which series. Patterns have * and ?."""

    model: str = Field(default="", description="NAME, or NAME@VERSION.")
    level: Literal["series", "study"] = Field(
        default="series",
        description="What has to be complete: a series, or the study; then all series that fit.",
    )
    modality: str = Field(default="CT", description="Pattern for Modality (0008,0060).")
    description: str = Field(default="*", description="Pattern for Series Description (0008,103E).")
    calling_aet: str = Field(default="*", description="Pattern for the AE title of the sender.")
    when: str = Field(
        default="",
        description="Condition on an instance of the series, such as 'SliceThickness <= 3'.",
    )
    quiet: Seconds = Field(
        default=60.0, description="After the last instance came of it; then the model runs."
    )
    shadow: AbsolutePath | None = Field(
        default=None, description="Folder that takes the results in place of the archive."
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not self.model:
            raise ValueError("a trigger names the model that it runs")
        self.condition()
        return self

    def condition(self) -> Condition | None:
        """``when``, None where it says nothing. Raises ValueError for one that means nothing."""
        if not self.when:
            return None
        from pacs_framework.conditions import Condition  # noqa: PLC0415 - few triggers have one

        return Condition.read(self.when)


class AiSettings(Section):
    """Models, and what a run may take."""

    models: tuple[ModelSettings, ...] = Field(
        default=(), description="Models of the site's own, beside those of plugins."
    )
    triggers: tuple[TriggerSettings, ...] = Field(
        default=(), description="Models that run when a series is complete; needs a queue of jobs."
    )
    workitems: tuple[WorkitemSettings, ...] = Field(
        default=(),
        description="Models that perform Unified Procedure Steps; needs pacs-ups and a queue.",
    )
    seconds: Seconds = Field(default=600.0, description="How long a run may take.")
    memory: Size = Field(default=8 * _GIB, description="What each process of a run may take.")
    cpus: float | None = Field(
        default=None, gt=0, le=1024, description="How many CPUs a run may keep busy."
    )
    engine: str = Field(
        default="",
        description=(
            "Program that runs containers, podman or docker by name or path; empty is the first "
            "of them that is installed."
        ),
    )
    gpus: tuple[str, ...] = Field(
        default=(),
        description=(
            "GPUs that models may use, as CUDA_VISIBLE_DEVICES names them: numbers or UUIDs; empty "
            "is all. With some, models without gpu = true see none."
        ),
    )
    gpu_runs: int = Field(default=1, ge=1, description="Runs on each GPU at a time.")
    keep_refused: int = Field(
        default=100,
        ge=0,
        description="How many runs that were refused or failed keep what they made for inspection.",
    )
    at_once: int = Field(default=1, ge=1, description="Runs by triggers at a time on one node.")
    attempts: int = Field(default=3, ge=1, description="How often a run by a trigger is tried.")
    workers: int = Field(
        default=4,
        ge=0,
        le=64,
        description="How many processes of models wait for the next run; 0 is a new one each time.",
    )
    idle: Seconds = Field(default=300.0, description="How long such a process waits.")
    circuit: int = Field(
        default=5, ge=1, description="So many runs of a model that fail in a row make it rest."
    )
    rest: Seconds = Field(default=600.0, description="How long such a model rests from triggers.")

    @field_validator("gpus")
    @classmethod
    def _different(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names) or not all(map(_GPU.fullmatch, names)):
            raise ValueError(f"gpus are different numbers or UUIDs such as GPU-4f1c…, not {names}")
        return names
