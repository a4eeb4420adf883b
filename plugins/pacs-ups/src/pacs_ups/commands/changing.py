"""``pacs ups create``, ``claim``, ``set``, ``complete`` and ``cancel``."""

from __future__ import annotations

import json
from pathlib import Path

import click
from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.cli.output import json_option
from pacs_ups.commands.opening import Where, where_options
from pacs_ups.commands.printing import print_result
from pacs_ups.state.making import completed, new_step
from pacs_ups.state.model import State

__all__ = ["cancel", "claim", "complete", "create", "set_"]

_LOCAL_AET = "LOCAL"  # who asks from the command line has no AE title of its own
_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_transaction_option = click.option(
    "--transaction", required=True, help="Transaction UID, as `pacs ups claim` printed it."
)


@click.command("create")
@click.argument("file", required=False, type=_file)
@where_options
@click.option("--uid", default="", help="SOP Instance UID.  [default: a new one]")
@click.option("--label", default="", help="Procedure Step Label: what is to be done.")
@click.option("--worklist", default="", help="Worklist Label: whom it is for.")
@click.option("--priority", type=click.Choice(["HIGH", "MEDIUM", "LOW"]), help="[default: MEDIUM]")
@click.option("--start", default="", help="Scheduled start (DT).  [default: now]")
@click.option("--patient-id", default="", help="Patient ID.")
@click.option("--patient-name", default="", help="Patient's Name: Doe^John.")
@click.option("--study", default="", help="Study Instance UID.")
@json_option
def create(
    file: Path | None,
    where: Where,
    uid: str,
    label: str,
    worklist: str,
    priority: str | None,
    start: str,
    patient_id: str,
    patient_name: str,
    study: str,
    as_json: bool,
) -> None:
    """Schedule a step: of the options, or of FILE in the DICOM JSON model, or of both.

    What may be empty and is not told is created empty.

    \b
    Example:
        pacs ups create --label "Segment liver" --worklist AI --patient-id P1
    """
    given = {
        "ProcedureStepLabel": label,
        "WorklistLabel": worklist,
        "ScheduledProcedureStepPriority": priority,
        "ScheduledProcedureStepStartDateTime": start,
        "PatientID": patient_id,
        "PatientName": patient_name,
        "StudyInstanceUID": study,
    }
    told = {keyword: value for keyword, value in given.items() if value}
    if file is None:
        if not label:
            raise click.UsageError("give --label or FILE")
        step = new_step(label, **told)
    else:
        step = completed(_read(file))
        for keyword, value in told.items():
            setattr(step, keyword, value)
    uid = uid or str(generate_uid())
    with where.open() as place:
        result = place.create(uid, step)
    print_result(uid, "scheduled", result, as_json=as_json)


@click.command("claim")
@click.argument("uid")
@where_options
@click.option("--transaction", default="", help="Transaction UID.  [default: a new one]")
@json_option
def claim(uid: str, where: Where, transaction: str, as_json: bool) -> None:
    """Begin the step UID: nobody but who has the Transaction UID can change it then.

    Others that ask for it to be canceled are refused, where it is a step of the archive.

    \b
    Example:
        pacs ups claim 2.25.1234
    """
    transaction = transaction or str(generate_uid())
    with where.open() as place:
        result = place.change_state(uid, State.IN_PROGRESS, transaction, ours=True)
    print_result(uid, "claimed", result, as_json=as_json, transaction_uid=transaction)


@click.command("set")
@click.argument("uid")
@click.argument("file", type=_file)
@where_options
@click.option("--transaction", default="", help="Transaction UID of a step IN PROGRESS.")
@json_option
def set_(uid: str, file: Path, where: Where, transaction: str, as_json: bool) -> None:
    """Set attributes of the step UID to those in FILE (DICOM JSON model).

    \b
    Example:
        pacs ups set 2.25.1234 progress.json --transaction 2.25.99
    """
    with where.open() as place:
        result = place.modify(uid, _locked(_read(file), transaction))
    print_result(uid, "changed", result, as_json=as_json)


@click.command("complete")
@click.argument("uid")
@click.argument("file", required=False, type=_file)
@where_options
@_transaction_option
@json_option
def complete(uid: str, file: Path | None, where: Where, transaction: str, as_json: bool) -> None:
    """Bring the step UID to COMPLETED; first FILE (DICOM JSON model) is set, with its results.

    \b
    Example:
        pacs ups complete 2.25.1234 results.json --transaction 2.25.99
    """
    results = None if file is None else _locked(_read(file), transaction)
    with where.open() as place:
        if results is not None:
            place.modify(uid, results)
        result = place.change_state(uid, State.COMPLETED, transaction)
    print_result(uid, "completed", result, as_json=as_json)


@click.command("cancel")
@click.argument("uid")
@where_options
@click.option("--transaction", default="", help="Transaction UID, to cancel as its performer.")
@click.option("--reason", default="", help="Reason For Cancellation.")
@click.option("--contact", default="", help="Contact URI: tel:, mailto: …")
@json_option
def cancel(
    uid: str, where: Where, transaction: str, reason: str, contact: str, as_json: bool
) -> None:
    """Cancel the step UID as its performer, by --transaction; else ask for that.

    A step that nobody has begun is canceled at once.

    \b
    Example:
        pacs ups cancel 2.25.1234 --reason "not needed"
    """
    if transaction and (reason or contact):
        raise click.UsageError(
            "--reason and --contact are for requests; a performer sets them before, by `pacs ups "
            "set`"
        )
    reasons = Dataset()
    if reason:
        reasons.ReasonForCancellation = reason
    if contact:
        reasons.ContactURI = contact
    with where.open() as place:
        if transaction:
            result = place.change_state(uid, State.CANCELED, transaction)
        else:
            result = place.request_cancel(uid, _LOCAL_AET, reasons)
    print_result(uid, "canceled" if transaction else "asked for", result, as_json=as_json)


def _read(path: Path) -> Dataset:
    """A data set in the DICOM JSON model (PS3.18 Annex F)."""
    try:
        document = json.loads(path.read_text("utf-8"))
        if isinstance(document, list) and len(document) == 1:  # as DICOMweb has it
            document = document[0]
        if isinstance(document, dict):
            document = document.get("dataset", document)  # as `pacs ups show --json` has it
        dataset = Dataset.from_json(document)
        dataset.walk(lambda _dataset, _element: None)
    except (AttributeError, KeyError, TypeError, UnicodeError, ValueError) as error:
        raise click.ClickException(f"{path}: no data set in JSON: {error}") from None
    return dataset


def _locked(dataset: Dataset, transaction: str) -> Dataset:
    if transaction:
        dataset.TransactionUID = transaction
    return dataset
