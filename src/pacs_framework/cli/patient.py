"""``pacs patient``: who the patients are, and what was corrected of them."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from pacs_framework.archive.corrections import CORRECTABLE, Correction, PatientKey
from pacs_framework.archive.incoming import Origin
from pacs_framework.archive.patients import Patients
from pacs_framework.cli.importing import importing
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.index.known_patients import Patient

__all__ = ["command"]

_F = TypeVar("_F", bound=Callable[..., Any])
_ORIGIN = Origin(door="cli")
_FEW = 100


@click.group("patient")
def command() -> None:
    """Show patients and correct them; works beside a running archive.

    A correction leaves the stored objects as they came: queries show it at once, what is retrieved
    carries it, and instances that arrive later are filed by it.

    \b
    Example:
        pacs patient update 4711 PatientName=Doe^Jane --reason "typing error"
        pacs patient merge 4711 4712 --reason "one person, registered twice"
        pacs patient link 4711 0815 --reason "one person, known in two hospitals"
    """


def _issuer(name: str, whose: str) -> Callable[[_F], _F]:
    return click.option(name, default="", metavar="ISSUER", help=f"Issuer of {whose} Patient ID.")


def _why(command: _F) -> _F:
    """Add ``--reason`` and ``--by``, which are kept with each correction."""
    reason = click.option("--reason", required=True, help="Why; kept in the history.")
    by = click.option("--by", help="Who; by default the name of your account.")
    return reason(by(command))


@command.command("list")
@click.option("--corrected", is_flag=True, help="Only those with a correction.")
@click.option(
    "--limit", type=click.IntRange(1), default=_FEW, show_default=True, help="So many at most."
)
@archive_options
@json_option
def list_patients(choice: ArchiveChoice, limit: int, corrected: bool, as_json: bool) -> None:
    """List patients by Patient ID.

    \b
    Example:
        pacs patient list --corrected --json
    """
    with _opened(choice) as patients:
        found = patients.known(limit=limit + 1, corrected=corrected)
    if as_json:
        print_json([_patient_json(each) for each in found[:limit]])
    else:
        _print_patients(found[:limit])
    if len(found) > limit:
        click.echo(f"there are more than {limit}; ask for more with --limit", err=True)


@command.command("show")
@click.argument("patient_id")
@_issuer("--issuer", "the")
@archive_options
@json_option
def show(choice: ArchiveChoice, patient_id: str, issuer: str, as_json: bool) -> None:
    """Show the patient that PATIENT_ID means now, with the values that were corrected.

    \b
    Example:
        pacs patient show 4711 --issuer HOSPITAL
    """
    with _opened(choice) as patients:
        found = patients.find(PatientKey(patient_id=patient_id, issuer=issuer))
        others = patients.keys_of(patient_id)
    if found is None:
        raise click.ClickException(_unknown(patient_id, others))
    if as_json:
        print_json(_patient_json(found))
        return
    rows = [("PatientID", found.key.patient_id, ""), ("IssuerOfPatientID", found.key.issuer, "")]
    for keyword, text in found.values.items():
        rows.append((keyword, text, "yes" if keyword in found.corrected else ""))
    rows += [("merged", _key_text(key), "yes") for key in found.merged]
    rows += [("linked", _key_text(key), "yes") for key in found.linked]
    rows += [("studies", str(found.studies), ""), ("instances", str(found.instances), "")]
    print_table(("WHAT", "VALUE", "CORRECTED"), rows)


@command.command("update")
@click.argument("patient_id")
@click.argument("changes", nargs=-1, required=True, metavar="KEYWORD=VALUE...")
@_issuer("--issuer", "the")
@_why
@archive_options
@json_option
def update(
    choice: ArchiveChoice,
    patient_id: str,
    changes: Sequence[str],
    issuer: str,
    reason: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Correct demographics of a patient; KEYWORD= empties an attribute.

    \b
    Example:
        pacs patient update 4711 PatientName=Doe^Jane PatientSex=F --reason "typing error"
    """
    values = _parsed(changes)
    key = PatientKey(patient_id=patient_id, issuer=issuer)
    with _opened(choice) as patients:
        done = patients.update(key, values, by=_who(by), reason=reason, origin=_ORIGIN)
    _tell(done, as_json=as_json)


@command.command("merge")
@click.argument("prior")
@click.argument("into")
@_issuer("--prior-issuer", "the prior")
@_issuer("--into-issuer", "the other")
@click.option("--new", is_flag=True, help="INTO is a new Patient ID; refused where it exists.")
@_why
@archive_options
@json_option
def merge(
    choice: ArchiveChoice,
    prior: str,
    into: str,
    prior_issuer: str,
    into_issuer: str,
    new: bool,
    reason: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Make the patient PRIOR one with the patient INTO, whose demographics stay.

    \b
    Example:
        pacs patient merge 4711 4712 --reason "one person, registered twice"
        pacs patient merge 4711 0815 --new --reason "typing error in the Patient ID"
    """
    prior_key = PatientKey(patient_id=prior, issuer=prior_issuer)
    into_key = PatientKey(patient_id=into, issuer=into_issuer)
    with _opened(choice) as patients:
        call = patients.change_id if new else patients.merge
        done = call(prior_key, into_key, by=_who(by), reason=reason, origin=_ORIGIN)
    _tell(done, as_json=as_json)


@command.command("unmerge")
@click.argument("prior")
@_issuer("--prior-issuer", "the prior")
@_why
@archive_options
@json_option
def unmerge(
    choice: ArchiveChoice,
    prior: str,
    prior_issuer: str,
    reason: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Take the patient PRIOR out of the one that it was merged into.

    \b
    Example:
        pacs patient unmerge 4711 --reason "two persons after all"
    """
    key = PatientKey(patient_id=prior, issuer=prior_issuer)
    with _opened(choice) as patients:
        done = patients.unmerge(key, by=_who(by), reason=reason, origin=_ORIGIN)
    _tell(done, as_json=as_json)


def _two(call: _F) -> _F:
    """Add what names two patients: ONE and OTHER, with their issuers."""
    decorators = (
        click.argument("one"),
        click.argument("other"),
        _issuer("--issuer", "the one"),
        _issuer("--other-issuer", "the other"),
    )
    for decorator in reversed(decorators):
        call = decorator(call)
    return call


@command.command("link")
@_two
@_why
@archive_options
@json_option
def link(
    choice: ArchiveChoice,
    one: str,
    other: str,
    issuer: str,
    other_issuer: str,
    reason: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Declare the patients ONE and OTHER to be the same person; both stay what they are.

    What is retrieved of one names the other in Other Patient IDs Sequence (0010,1002). A query by
    the Patient ID of one goes on finding its own studies alone.

    \b
    Example:
        pacs patient link 4711 0815 --other-issuer CLINIC --reason "known in two hospitals"
    """
    keys = _key(one, issuer), _key(other, other_issuer)
    with _opened(choice) as patients:
        done = patients.link(*keys, by=_who(by), reason=reason, origin=_ORIGIN)
    _tell(done, as_json=as_json)


@command.command("unlink")
@_two
@_why
@archive_options
@json_option
def unlink(
    choice: ArchiveChoice,
    one: str,
    other: str,
    issuer: str,
    other_issuer: str,
    reason: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Take back that the patients ONE and OTHER are the same person.

    \b
    Example:
        pacs patient unlink 4711 0815 --other-issuer CLINIC --reason "two persons after all"
    """
    keys = _key(one, issuer), _key(other, other_issuer)
    with _opened(choice) as patients:
        done = patients.unlink(*keys, by=_who(by), reason=reason, origin=_ORIGIN)
    _tell(done, as_json=as_json)


def _key(patient_id: str, issuer: str) -> PatientKey:
    return PatientKey(patient_id=patient_id, issuer=issuer)


@command.command("history")
@click.argument("patient_id", required=False)
@_issuer("--issuer", "the")
@archive_options
@json_option
def history(choice: ArchiveChoice, patient_id: str | None, issuer: str, as_json: bool) -> None:
    """Show what was corrected of a patient, or of all: when, by whom, why, before and after.

    \b
    Example:
        pacs patient history 4711 --json
    """
    key = None if patient_id is None else PatientKey(patient_id=patient_id, issuer=issuer)
    with _opened(choice) as patients:
        found = patients.history(key)
    if as_json:
        print_json([_correction_json(each) for each in found])
        return
    columns = ("NUMBER", "AT", "WHAT", "PATIENT", "OTHER", "BY", "REASON", "BEFORE", "AFTER")
    print_table(columns, (_correction_row(each) for each in found))


@contextmanager
def _opened(choice: ArchiveChoice) -> Iterator[Patients]:
    """The patients of the archive, beside whatever process runs it."""
    with importing():
        from pacs_framework.app import App  # noqa: PLC0415 - `--help` needs no archive

    with App(choice.configured(), listen=False, feed=False) as app:
        yield app.archive.patients


def _parsed(changes: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for change in changes:
        keyword, separator, text = change.partition("=")
        if not separator or keyword in values:
            raise click.BadParameter(
                f"{change!r} is no KEYWORD=VALUE of its own; keywords: {', '.join(CORRECTABLE)}"
            )
        values[keyword] = text
    return values


def _who(by: str | None) -> str:
    return by or getpass.getuser()


def _tell(done: Correction | None, *, as_json: bool) -> None:
    if as_json:
        print_json(None if done is None else _correction_json(done))
    elif done is None:
        click.echo("nothing to correct: it is so already")
    else:
        click.echo(f"correction {done.number}: {done.kind} of {_key_text(done.patient)}")


def _unknown(patient_id: str, others: Sequence[PatientKey]) -> str:
    if not others:
        return f"no patient {patient_id!r}; `pacs patient list` shows those there are"
    issuers = ", ".join(repr(key.issuer) for key in others)
    return f"no patient {patient_id!r} of this issuer; --issuer takes one of: {issuers}"


def _print_patients(found: Sequence[Patient]) -> None:
    columns = (
        "PATIENT ID",
        "ISSUER",
        "NAME",
        "BIRTH DATE",
        "SEX",
        "STUDIES",
        "INSTANCES",
        "MERGED",
        "LINKED",
    )
    rows = []
    for each in found:
        shown = [each.values[k] for k in ("PatientName", "PatientBirthDate", "PatientSex")]
        others = [", ".join(map(_key_text, keys)) for keys in (each.merged, each.linked)]
        counts = [str(each.studies), str(each.instances)]
        rows.append([each.key.patient_id, each.key.issuer, *shown, *counts, *others])
    print_table(columns, rows)


def _correction_row(each: Correction) -> tuple[str, ...]:
    return (
        str(each.number),
        each.at.isoformat(timespec="seconds"),
        each.kind.value,
        _key_text(each.patient),
        _key_text(each.into) if each.into else "",
        each.by,
        each.reason,
        _values_text(each.before),
        _values_text(each.after),
    )


def _values_text(values: Mapping[str, str]) -> str:
    return " ".join(f"{keyword}={text}" for keyword, text in values.items())


def _key_text(key: PatientKey) -> str:
    return f"{key.patient_id} ({key.issuer})" if key.issuer else key.patient_id


def _key_json(key: PatientKey) -> dict[str, str]:
    return {"patient_id": key.patient_id, "issuer": key.issuer}


def _patient_json(each: Patient) -> dict[str, object]:
    return {
        **_key_json(each.key),
        "values": dict(each.values),
        "corrected": list(each.corrected),
        "merged": [_key_json(key) for key in each.merged],
        "linked": [_key_json(key) for key in each.linked],
        "studies": each.studies,
        "instances": each.instances,
    }


def _correction_json(each: Correction) -> dict[str, object]:
    return {
        "number": each.number,
        "at": each.at.isoformat(),
        "kind": each.kind.value,
        "patient": _key_json(each.patient),
        "into": _key_json(each.into) if each.into else None,
        "by": each.by,
        "reason": each.reason,
        "before": dict(each.before),
        "after": dict(each.after),
    }
