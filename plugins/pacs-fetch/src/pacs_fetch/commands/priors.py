"""``pacs fetch priors``: earlier studies of who comes, why they matter, and fetching them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from pacs_fetch.commands.opening import beside
from pacs_framework.cli.dates import DateRangeType
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.moving.listing import DateRange

if TYPE_CHECKING:
    from pacs_fetch.priors.planning import Candidate, PatientPlan
    from pacs_fetch.priors.scheduled import Step
    from pacs_fetch.settings import FetchSettings
    from pacs_framework.archive.archive import Archive

__all__ = ["priors"]

_COLUMNS = ("PATIENT", "STEP", "SOURCE", "STUDY", "DATE", "SCORE", "WHY", "THERE", "HERE", "WHAT")


@click.command("priors")
@archive_options
@click.option(
    "--date",
    "dates",
    type=DateRangeType(),
    help="Patients of these days of the worklist.  [default: tomorrow]",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be fetched, and why.")
@json_option
@click.pass_context
def priors(
    context: click.Context,
    choice: ArchiveChoice,
    dates: DateRange | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Look for priors of the patients on the worklist, and have those fetched that matter.

    The running archive fetches them, as `pacs fetch sources` and `pacs jobs` show. Exit code 1
    where a source did not answer for all patients, or answered about others.

    \b
    Example:
        pacs fetch priors --date 20261123 --dry-run --json
    """
    dates = dates or _tomorrow()
    with beside(choice) as (archive, settings):
        _check_sources(settings)
        plans = list(_planned(archive, settings, dates, fetch=not dry_run))
    if as_json:
        print_json(_as_json(plans, dates, dry_run=dry_run))
    else:
        _print(plans, dry_run=dry_run)
    if any(plan.unanswered or plan.refused for plan in plans):
        context.exit(1)


def _tomorrow() -> DateRange:
    day = dt.datetime.now(dt.UTC).astimezone().date() + dt.timedelta(days=1)
    return DateRange(first=day, last=day)


def _check_sources(settings: FetchSettings) -> None:
    if not settings.priors.sources:
        raise click.ClickException(
            "no source is asked for priors: name some in [plugin.fetch.priors] sources"
        )


def _planned(
    archive: Archive, settings: FetchSettings, dates: DateRange, *, fetch: bool
) -> Iterator[PatientPlan]:
    from pacs_fetch.priors.planning import Planner  # noqa: PLC0415 - `--help` needs no wire
    from pacs_fetch.priors.scheduled import check_worklists  # noqa: PLC0415
    from pacs_fetch.priors.work import orders_of  # noqa: PLC0415

    check_worklists(archive, settings.priors)
    planner = Planner(archive, settings)
    for plan in planner.plan(f"{dates.first:%Y%m%d}", f"{dates.last:%Y%m%d}"):
        if fetch:
            archive.jobs.enqueue(orders_of(plan))
        yield plan


def _as_json(plans: list[PatientPlan], dates: DateRange, *, dry_run: bool) -> dict[str, Any]:
    wanted = sum(len(plan.wanted) for plan in plans)
    return {
        "first": f"{dates.first:%Y%m%d}",
        "last": f"{dates.last:%Y%m%d}",
        "queued": 0 if dry_run else wanted,
        "wanted": wanted,
        "refused": sum(plan.refused for plan in plans),
        "incomplete": sum(bool(plan.unanswered) for plan in plans),
        "patients": [
            {
                "patient_id": plan.patient.patient_id,
                "issuer_of_patient_id": plan.patient.issuer,
                "steps": [_step(each) for each in plan.steps],
                "priors": [_prior(each) for each in plan.candidates],
                "problems": [*plan.problems, *plan.unanswered],
            }
            for plan in plans
        ],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "study_instance_uid": step.study,
        "scheduled_procedure_step_id": step.number,
        "start": step.start,
        "modality": step.modality,
        "description": step.description,
        "regions": sorted(step.regions),
    }


def _prior(each: Candidate) -> dict[str, Any]:
    study = each.study
    return {
        "source": each.source,
        "study_instance_uid": study.uid,
        "study_date": study.date,
        "modalities": sorted(study.modalities),
        "description": study.description,
        "regions": sorted(study.regions),
        "there": study.instances,
        "here": each.here,
        "for_step": each.step.number,
        "score": each.judgement.score,
        "why": each.judgement.why,
        "verdict": str(each.verdict),
    }


def _print(plans: list[PatientPlan], *, dry_run: bool) -> None:
    for plan in plans:
        for problem in (*plan.problems, *plan.unanswered):
            click.echo(f"{plan.patient.patient_id}: {problem}", err=True)
    print_table(_COLUMNS, [_row(plan, each) for plan in plans for each in plan.candidates])
    wanted = sum(len(plan.wanted) for plan in plans)
    what = "would be fetched" if dry_run else "queued"
    click.echo(f"{len(plans)} patients, {wanted} studies {what}")


def _row(plan: PatientPlan, each: Candidate) -> tuple[str, ...]:
    study, step = each.study, each.step
    there = "" if study.instances is None else str(study.instances)
    return (
        plan.patient.patient_id,
        " ".join(filter(None, (step.modality, step.description))),
        each.source,
        study.uid,
        study.date,
        str(each.judgement.score),
        each.judgement.why,
        there,
        str(each.here),
        str(each.verdict),
    )
