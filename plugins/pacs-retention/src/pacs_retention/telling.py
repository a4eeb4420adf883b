"""What the commands tell of plans and rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_framework.config.types import format_size
from pacs_retention.planning import Held, Plan, Step, selected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pacs_framework.index.inventory import StudyFacts
    from pacs_retention.settings import Rule, Settings

__all__ = ["COLUMNS", "RULE_COLUMNS", "plan_json", "plan_rows", "rule_rows", "rules_json"]

COLUMNS = ("RULE", "WHAT", "PATIENT ID", "STUDY", "LAST CAME IN", "INSTANCES", "BYTES", "WHY")
RULE_COLUMNS = ("RULE", "FOR", "TAKES", "STUDIES", "PATIENTS", "BYTES", "GO NOW", "STAY")


def plan_rows(plan: Plan) -> list[tuple[str, ...]]:
    """For a person to read: what goes, then what stays."""
    return [_row("goes", each) for each in plan.steps] + [_row("stays", each) for each in plan.held]


def plan_json(plan: Plan) -> dict[str, object]:
    """For a program to read."""
    return {
        "studies": len(plan.steps),
        "instances": sum(step.study.instances for step in plan.steps),
        "size": sum(step.study.size for step in plan.steps),
        "more": plan.more,
        "due": plan.due.isoformat() if plan.due else None,
        "goes": [_json(each) for each in plan.steps],
        "stays": [_json(each) for each in plan.held],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """One rule with what it is for and what it does now."""

    rule: Rule
    studies: int
    patients: int
    size: int
    go: int
    stay: int


def _told(settings: Settings, studies: Sequence[StudyFacts], plan: Plan) -> list[_Told]:
    told = []
    for rule in settings.rules:
        mine = list(selected(rule, studies))
        told.append(
            _Told(
                rule=rule,
                studies=len(mine),
                patients=len({study.patient for study in mine}),
                size=sum(study.size for study in mine),
                go=sum(step.rule == rule.name for step in plan.steps),
                stay=sum(held.rule == rule.name for held in plan.held),
            )
        )
    return told


def rule_rows(
    settings: Settings, studies: Sequence[StudyFacts], plan: Plan
) -> list[tuple[str, ...]]:
    """For a person to read."""
    rows = []
    for each in _told(settings, studies, plan):
        counts = (each.studies, each.patients, each.size, each.go, each.stay)
        rows.append((each.rule.name, _for(each.rule), _takes(each.rule), *map(str, counts)))
    return rows


def rules_json(
    settings: Settings, studies: Sequence[StudyFacts], plan: Plan
) -> list[dict[str, object]]:
    """For a program to read."""
    return [
        {
            **each.rule.model_dump(mode="json"),
            "studies": each.studies,
            "patients": each.patients,
            "size": each.size,
            "go": each.go,
            "stay": each.stay,
        }
        for each in _told(settings, studies, plan)
    ]


def _for(rule: Rule) -> str:
    parts = [
        f"{name} {' or '.join(values)}"
        for name, values in (
            ("modality", rule.modality),
            ("source", rule.source),
            ("label", rule.label),
            ("no label", rule.except_label),
        )
        if values
    ]
    return ", ".join(parts) or "all"


def _takes(rule: Rule) -> str:
    parts = []
    if rule.days is not None:
        parts.append(f"older than {rule.days:g} days")
    if rule.max_size is not None:
        parts.append(f"more than {format_size(rule.max_size)}")
    if rule.max_patients is not None:
        parts.append(f"more than {rule.max_patients} patients")
    return f"{', '.join(parts)} (by {rule.by}, {rule.unit})"


def _row(what: str, each: Step | Held) -> tuple[str, ...]:
    study = each.study
    return (
        each.rule,
        what,
        study.patient.patient_id,
        study.study_instance_uid,
        study.last.isoformat(timespec="seconds"),
        str(study.instances),
        str(study.size),
        each.why,
    )


def _json(each: Step | Held) -> dict[str, object]:
    study = each.study
    return {
        "rule": each.rule,
        "why": each.why,
        "patient_id": study.patient.patient_id,
        "issuer": study.patient.issuer,
        "study": study.study_instance_uid,
        "study_date": study.study_date,
        "last": study.last.isoformat(),
        "instances": study.instances,
        "size": study.size,
    }
