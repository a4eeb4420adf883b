"""``pacs delete``: an instance, a series, a study or a patient, for good."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pacs_framework.archive.deletions import Deletion, Doomed, Target
from pacs_framework.archive.incoming import Origin
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import counting, json_option, print_json
from pacs_framework.cli.subjects import beside, by_option, patient_of, patient_options, who

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["command"]

_ORIGIN = Origin(door="cli")


@click.command("delete")
@patient_options
@click.option("--study", default="", metavar="UID", help="A study.")
@click.option("--series", default="", metavar="UID", help="A series.")
@click.option("--instance", default="", metavar="UID", help="A single instance.")
@click.option("--dry-run", is_flag=True, help="Tell what would go, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reason", default="", help="Why; kept with the deletion. Needed to delete.")
@by_option
@archive_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    choice: ArchiveChoice,
    patient: str | None,
    issuer: str,
    study: str,
    series: str,
    instance: str,
    dry_run: bool,
    yes: bool,
    reason: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Delete instances for good: those that are all that the options name.

    Works beside a running archive. Nothing of a protected patient or study goes, and then nothing
    else either. `pacs deletions` shows what was deleted, by whom and why.

    Exit code 1 when nothing is like that or something is protected, and when objects could not be
    removed from the storage yet; nobody finds those, and the next start tries again.

    \b
    Example:
        pacs delete --study 1.2.840.113619.2.1 --dry-run
        pacs delete --study 1.2.840.113619.2.1 --reason "wrong patient" --yes
    """
    try:
        target = Target(
            patient=patient_of(patient, issuer), study=study, series=series, instance=instance
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if not dry_run and not reason.strip():
        raise click.UsageError("say with --reason why, or look with --dry-run")
    with beside(choice) as archive:
        doomed = archive.deleting.look(target)
        if doomed is None:
            raise click.ClickException("the archive has nothing like that")
        if dry_run:
            _tell_doomed(doomed, as_json=as_json)
            context.exit(1 if doomed.protected else 0)
        if not yes and not doomed.protected:
            _ask(doomed)
        done = _delete(archive, target, who(by), reason)
    _tell_done(done, as_json=as_json)
    context.exit(1 if done.left else 0)


def _ask(doomed: Doomed) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to be asked; add --yes")
    click.confirm(f"delete {_counts(doomed)}, for good?", abort=True, err=True)


def _delete(archive: Archive, target: Target, by: str, reason: str) -> Deletion:
    with counting("deleting") as count:
        return archive.deleting.delete(target, by=by, reason=reason, origin=_ORIGIN, progress=count)


def _tell_doomed(doomed: Doomed, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "patients": doomed.patients,
                "studies": doomed.studies,
                "series": doomed.series,
                "instances": doomed.instances,
                "size": doomed.size,
                "protected": list(doomed.protected),
            }
        )
        return
    click.echo(f"would delete {_counts(doomed)}")
    for each in doomed.protected:
        click.echo(f"but {each} must be kept; nothing would go", err=True)


def _tell_done(done: Deletion, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "number": done.number,
                "studies": done.studies,
                "series": done.series,
                "instances": done.instances,
                "size": done.size,
                "left": done.left,
            }
        )
    else:
        click.echo(f"deletion {done.number}: {_counts(done)}")
    if done.left:
        click.echo(
            f"{done.left} objects are still in the storage, where nobody finds them; the next "
            f"start of the archive tries again to remove them",
            err=True,
        )


def _counts(told: Doomed | Deletion) -> str:
    return (
        f"{told.instances} instances of {told.series} series in {told.studies} studies, "
        f"{told.size} bytes"
    )
