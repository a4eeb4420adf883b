"""The section ``[plugin.retention]`` of the configuration."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from pacs_framework.config.types import AETitle, Seconds, SecondsOrForever, Section, Size

__all__ = ["By", "Rule", "Settings", "Unit"]

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class By(StrEnum):
    """What makes a study old."""

    RECEIVED = "received"  # when its last instance came in
    STUDY_DATE = "study-date"


class Unit(StrEnum):
    """What goes as a whole."""

    STUDY = "study"
    PATIENT = "patient"


class Rule(Section):
    """Which studies, and how many of them may stay."""

    name: _Name = Field(description="How commands, the log and the list of deletions call it.")
    modality: tuple[str, ...] = Field(
        default=(), description="Only studies with a series of one of these modalities."
    )
    source: tuple[AETitle, ...] = Field(
        default=(), description="Only studies that came from one of these calling AE titles."
    )
    label: tuple[str, ...] = Field(
        default=(), description="Only studies that, or whose patients, have one of these labels."
    )
    except_label: tuple[str, ...] = Field(
        default=(), description="No studies that, or whose patients, have one of these labels."
    )
    days: float | None = Field(
        default=None, gt=0, description="What is older than so many days goes."
    )
    max_size: Size | None = Field(
        default=None, description="Of more bytes than this the oldest go."
    )
    max_patients: int | None = Field(
        default=None, ge=0, description="Of more patients than this the oldest go, each whole."
    )
    by: By = Field(
        default=By.RECEIVED,
        description="What makes a study old: received (when its last instance came in) or "
        "study-date (by when it came in where it has none).",
    )
    unit: Unit = Field(
        default=Unit.STUDY,
        description="What goes as a whole: study, or patient (all of a patient's studies that the "
        "rule is for, as old as the youngest of them).",
    )
    cycle_studies: int = Field(
        default=1000, ge=1, description="Studies that the rule takes in one cycle at most."
    )
    cycle_size: Size = Field(
        default=1 << 40,
        description="Bytes that it takes in one cycle at most; the first study goes in any case.",
    )

    @property
    def age(self) -> dt.timedelta | None:
        """What is older than this goes."""
        return None if self.days is None else dt.timedelta(days=self.days)

    @property
    def waits_for_news(self) -> bool:
        """Whether what comes in may make something go at once."""
        return (
            self.max_size is not None or self.max_patients is not None or self.by is By.STUDY_DATE
        )

    @model_validator(mode="after")
    def _takes_something(self) -> Self:
        if self.days is None and self.max_size is None and self.max_patients is None:
            raise ValueError(
                f"rule {self.name!r} takes nothing; give it days, max_size or max_patients"
            )
        return self


class Settings(Section):
    """Which studies may go, and when somebody looks."""

    rules: tuple[Rule, ...] = Field(
        default=(),
        description="The rules, asked in their order; without any, nothing ever goes: name, "
        "modality, source, label, except_label, days, max_size, max_patients, by, unit, "
        "cycle_studies, cycle_size.",
    )
    quiet: SecondsOrForever = Field(
        default=3600.0,
        description="A study stays while its last instance came in less than so many seconds ago.",
    )
    wait_for_consumers: bool = Field(
        default=True,
        description="A study stays until every consumer of the change feed has seen all of it.",
    )
    pause: Seconds = Field(
        default=300.0, description="Seconds between two cycles at least, on all nodes together."
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = Counter(rule.name for rule in self.rules)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ValueError(f"rule {twice[0]!r} is there twice; each needs a name of its own")
        return self
