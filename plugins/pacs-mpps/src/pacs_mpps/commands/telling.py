"""``pacs mpps create``, ``complete``, ``discontinue`` and ``send``: this side as SCU."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import click
from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.cli.output import json_option, print_json
from pacs_framework.cli.peer import Call, peer_options
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import PacsError
from pacs_framework.network.association import Association
from pacs_mpps.making import Begun, begun, ended, read_step, series_of, split
from pacs_mpps.model import StepStatus, proposal
from pacs_mpps.sending import send_change, send_creation

__all__ = ["complete", "create", "discontinue", "send"]

_PATHS = click.argument(
    "paths", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[PATHS]..."
)


def _uid(context: click.Context, parameter: click.Parameter, value: str) -> str:
    del context, parameter
    if value and not is_valid_uid(value):
        raise click.BadParameter(f"{value!r} is no UID")
    return value


@click.command("create")
@peer_options
@click.option("--uid", default="", callback=_uid, help="SOP Instance UID.  [default: a new one]")
@click.option("--study", default="", callback=_uid, help="Study Instance UID.  [default: new]")
@click.option("--accession", default="", help="Accession Number.")
@click.option("--procedure", default="", help="Requested Procedure ID.")
@click.option("--step", default="", help="Scheduled Procedure Step ID, if it was planned.")
@click.option("--patient-id", default="", help="Patient ID.")
@click.option("--patient-name", default="", help="Patient's Name.")
@click.option("--modality", required=True, help="CT, MR, US …")
@click.option("--station", default="", help="AE title of the modality.  [default: --aet]")
@json_option
def create(
    call: Call,
    uid: str,
    study: str,
    accession: str,
    procedure: str,
    step: str,
    patient_id: str,
    patient_name: str,
    modality: str,
    station: str,
    as_json: bool,
) -> None:
    """Tell the peer at HOST PORT that a step has begun; its SOP Instance UID is printed.

    \b
    Example:
        pacs mpps create 10.0.0.7 104 --aec RIS --modality CT --accession A1 --step S1
    """
    uid, study = uid or str(generate_uid(prefix=None)), study or str(generate_uid(prefix=None))
    start = dt.datetime.now().astimezone()
    facts = Begun(
        study_instance_uid=study,
        station_aet=station or call.calling_aet,
        modality=modality,
        step_id=step or f"{start:%Y%m%d%H%M%S}",
        accession_number=accession,
        requested_procedure_id=procedure,
        scheduled_procedure_step_id=step,
        patient_id=patient_id,
        patient_name=patient_name,
    )
    dataset = begun(facts, start)
    _told(call, lambda association: send_creation(association, uid, dataset))
    _print(uid, StepStatus.IN_PROGRESS, as_json=as_json, study_instance_uid=study)


@click.command("complete")
@peer_options
@click.argument("uid")
@_PATHS
@json_option
def complete(call: Call, uid: str, paths: tuple[Path, ...], as_json: bool) -> None:
    """Tell the peer at HOST PORT that the step UID is completed, with the instances at PATHS.

    \b
    Example:
        pacs mpps complete 10.0.0.7 104 --aec RIS 2.25.1234 images/
    """
    if not paths:
        raise click.UsageError("give the files or folders that the step has made")
    _end(call, uid, StepStatus.COMPLETED, paths, as_json=as_json)


@click.command("discontinue")
@peer_options
@click.argument("uid")
@_PATHS
@click.option("--reason", default="", help="Why: a code of CID 9300, such as 110514.")
@click.option("--meaning", default="", help="What that code means.")
@click.option("--scheme", default="DCM", show_default=True, help="Where it is from.")
@json_option
def discontinue(
    call: Call,
    uid: str,
    paths: tuple[Path, ...],
    reason: str,
    meaning: str,
    scheme: str,
    as_json: bool,
) -> None:
    """Tell the peer at HOST PORT that the step UID is discontinued, with what it made at PATHS.

    \b
    Example:
        pacs mpps discontinue 10.0.0.7 104 2.25.1234 --reason 110514 \\
            --meaning "Incorrect worklist entry selected"
    """
    if bool(reason) != bool(meaning):
        raise click.UsageError("--reason and --meaning belong together: give both or neither")
    codes = []
    if reason:
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = reason, scheme, meaning
        codes.append(code)
    _end(call, uid, StepStatus.DISCONTINUED, paths, codes, as_json=as_json)


@click.command("send")
@peer_options
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def send(call: Call, file: Path, as_json: bool) -> None:
    """Tell the peer at HOST PORT all of the step in FILE: that it began, and that it ended.

    FILE is DICOM, DICOM JSON, or what `pacs mpps show --json` prints.

    \b
    Example:
        pacs mpps show 2.25.1234 --json > step.json
        pacs mpps send 10.0.0.7 104 --aec RIS step.json
    """
    try:
        uid, dataset = read_step(file)
    except (OSError, PacsError) as error:
        raise click.ClickException(str(error)) from None
    uid = uid or str(generate_uid(prefix=None))
    creation, change = split(dataset)

    def tell(association: Association) -> None:
        send_creation(association, uid, creation)
        if change is not None:
            send_change(association, uid, change)

    _told(call, tell)
    _print(uid, StepStatus(dataset.PerformedProcedureStepStatus), as_json=as_json)


def _end(
    call: Call,
    uid: str,
    status: StepStatus,
    paths: tuple[Path, ...],
    reason: list[Dataset] | None = None,
    *,
    as_json: bool,
) -> None:
    try:
        dataset = ended(status, dt.datetime.now().astimezone(), series_of(paths))
    except (OSError, PacsError) as error:
        raise click.ClickException(str(error)) from None
    if reason:
        dataset.PerformedProcedureStepDiscontinuationReasonCodeSequence = reason
    _told(call, lambda association: send_change(association, uid, dataset))
    _print(uid, status, as_json=as_json)


def _told(call: Call, tell: Callable[[Association], None]) -> None:
    try:
        with call.open(proposal()) as association:
            tell(association)
    except (OSError, PacsError) as error:
        raise click.ClickException(f"{call.called_aet} was not told: {error}") from None


def _print(uid: str, status: StepStatus, *, as_json: bool, **more: str) -> None:
    if as_json:
        print_json({"sop_instance_uid": uid, "status": str(status), **more})
    else:
        click.echo(f"{uid}: {status}")
