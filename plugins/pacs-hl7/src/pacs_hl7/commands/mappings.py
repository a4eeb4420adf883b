"""``pacs hl7 mapping`` and ``check-mapping``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from pacs_framework.cli.output import json_option, print_json
from pacs_hl7.appointments import read_appointments
from pacs_hl7.faults import Fault
from pacs_hl7.mapping import MessageMapping, default_text, load_mapping
from pacs_hl7.message import Message, read_message
from pacs_hl7.orders import Wish, read_orders
from pacs_hl7.patients import PatientChange, read_pair, read_patients

__all__ = ["check_mapping", "mapping"]

_WISHES: Mapping[str, Callable[[Message, MessageMapping], list[Wish]]] = {
    "orders": read_orders,
    "plan-appointments": partial(read_appointments, cancelled=False),
    "cancel-appointments": partial(read_appointments, cancelled=True),
}


@click.command("mapping")
def mapping() -> None:
    """Print the mapping that is used where none is configured, to be edited.

    \b
    Example:
        pacs hl7 mapping > mapping.toml
    """
    click.echo(default_text(), nl=False)


@click.command("check-mapping")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("messages", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--charset", default="ASCII", help="Where MSH-18 is empty.  [default: ASCII]")
@json_option
@click.pass_context
def check_mapping(
    context: click.Context, file: Path, messages: tuple[Path, ...], charset: str, as_json: bool
) -> None:
    """Check the mapping FILE, and show what would come of each of MESSAGES by it.

    Nothing is changed anywhere. Exit code 0 when every message would be read, 1 when any would be
    refused.

    \b
    Example:
        pacs hl7 check-mapping mapping.toml order.hl7
    """
    loaded = load_mapping(file)
    results = [{"file": str(path), **_read(loaded, path, charset)} for path in messages]
    if as_json:
        print_json(results)
    else:
        for result in results:
            _print(result)
        if not messages:
            click.echo(f"{file}: a mapping")
    if any(result["code"] != "AA" for result in results):
        context.exit(1)


def _read(loaded: MessageMapping, path: Path, charset: str) -> dict[str, Any]:
    try:
        data = re.sub(rb"\r?\n", b"\r", path.read_bytes().strip())
        return {"code": "AA", **_meaning(loaded, data, charset)}
    except Fault as fault:
        return {
            "code": fault.code.value,
            "reason": fault.reason,
            "error": fault.error.value,
            "location": fault.location,
        }


def _meaning(loaded: MessageMapping, data: bytes, charset: str) -> dict[str, Any]:
    message = read_message(data, charset)
    action = loaded.action(message.kind) or "refuse"
    facts: dict[str, Any] = {"kind": message.kind, "action": action}
    if action in _WISHES:
        return facts | {
            "steps": [
                {
                    "action": wish.action,
                    "order": wish.order,
                    "step": wish.step,
                    "dataset": wish.dataset.to_json_dict() if wish.dataset is not None else None,
                    "text": str(wish.dataset) if wish.dataset is not None else "",
                }
                for wish in _WISHES[action](message, loaded)
            ]
        }
    if action in ("update-patient", "merge-patients", "change-patient-id"):
        changes = read_patients(message, loaded, merged=action != "update-patient")
        return facts | {"patients": [_patient(change) for change in changes]}
    if action in ("link-patients", "unlink-patients"):
        pair = read_pair(message, loaded)
        keys = ({"patient_id": k.patient_id, "issuer_of_patient_id": k.issuer} for k in pair)
        return facts | {"patients": list(keys)}
    if action == "refuse":
        raise Fault(f"{message.kind!r} is not taken by this mapping")
    return facts


def _patient(change: PatientChange) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "patient_id": change.patient.patient_id,
        "issuer_of_patient_id": change.patient.issuer,
        "demographics": change.demographics,
    }
    if change.prior is not None:
        facts["prior_patient_id"] = change.prior.patient_id
    return facts


def _print(result: dict[str, Any]) -> None:
    if result["code"] != "AA":
        click.echo(f"{result['file']}: {result['code']} {result['reason']}")
        return
    click.echo(f"{result['file']}: {result['kind']}, {result['action']}")
    for step in result.get("steps", ()):
        which = f"step {step['step'] or '(new)'} of order"
        if step["action"] != "plan" and not step["step"]:  # all of its steps
            which = "order"
        click.echo(f"{step['action']} {which} {step['order']}")
        if step["text"]:
            click.echo(step["text"])
    for patient in result.get("patients", ()):
        for name, value in patient.items():
            click.echo(f"  {name}: {value}")
