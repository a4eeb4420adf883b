"""Outputs of all plugins, those that a printer has, and a job that goes to each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import BaseModel, ValidationError

from pacs_framework.errors import ConfigurationError
from pacs_print.outputs.contract import OutputError, PrintJob, PrintOutput, Progress

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_print.printers import PrinterSettings
    from pacs_print.sheet import Sheet

__all__ = ["Handed", "Target", "deliver", "follow", "registered", "take_back", "targets"]

Handed: TypeAlias = Mapping[str, str]
"""What is in the hands of outputs, by `Target.key`: what they are asked about it with."""


_NORMAL = "NORMAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An output with what a printer wants of it."""

    key: str
    output: PrintOutput[Any]
    settings: BaseModel


def registered(archive: Archive) -> dict[str, PrintOutput[Any]]:
    """The outputs of all plugins by name. Raises `ConfigurationError` for two of one name."""
    found: dict[str, tuple[str, PrintOutput[Any]]] = {}
    for plugin, outputs in archive.hooks.register("print_outputs", archive=archive):
        for output in outputs or ():
            if output.name in found:
                raise ConfigurationError(
                    f"plugins {found[output.name][0]!r} and {plugin!r} both have the print output "
                    f"{output.name!r}"
                )
            found[output.name] = (plugin, output)
    return {name: output for name, (_, output) in found.items()}


def targets(
    printer: PrinterSettings, outputs: Mapping[str, PrintOutput[Any]]
) -> tuple[Target, ...]:
    """Where a printer sends its films. Raises `ConfigurationError` for what cannot be."""
    tables = enumerate(printer.outputs, 1)
    return tuple(_target(printer, number, dict(table), outputs) for number, table in tables)


def deliver(job: PrintJob, sheets: Iterable[Sheet], to: Iterable[Target]) -> Handed:
    """Send a job to all of its outputs; all have it when this returns. Those named in what is
    returned are not done with it.

    Sheets are drawn one by one. Raises `OutputError`: then the job has to be delivered again, and
    outputs that had it get it once more.
    """
    known = tuple(to)
    handed: dict[str, str] = {}
    try:
        with ExitStack() as stack:
            deliveries = []
            for target in known:
                delivery = target.output.begin(job, target.settings)
                stack.callback(delivery.close)
                deliveries.append(delivery)
            for number, sheet in enumerate(sheets, 1):
                for delivery in deliveries:
                    delivery.add(number, sheet)
            for target, delivery in zip(known, deliveries, strict=True):
                if ticket := delivery.finish():
                    handed[target.key] = ticket
    except BaseException as error:
        with suppress(OutputError):
            take_back(handed, known)
        if isinstance(error, OSError):
            raise OutputError(str(error)) from error
        raise
    return handed


def follow(handed: Handed, to: Iterable[Target]) -> tuple[Handed, Progress]:
    """What is still in the hands of outputs, and how far the first of them is that needs help.

    An output that the printer has no more is not asked. Raises `OutputError` as they do.
    """
    left: dict[str, str] = {}
    worst = Progress(done=True)
    for target, ticket in _held(handed, to):
        progress = target.output.follow(ticket, target.settings)
        if progress.done:
            continue
        left[target.key] = ticket
        if worst.done or worst.info == _NORMAL:
            worst = progress
    return left, worst


def take_back(handed: Handed, to: Iterable[Target]) -> None:
    """Have outputs not print what they were handed. Raises `OutputError` as they do."""
    for target, ticket in _held(handed, to):
        target.output.take_back(ticket, target.settings)


def _held(handed: Handed, to: Iterable[Target]) -> list[tuple[Target, str]]:
    return [(target, handed[target.key]) for target in to if target.key in handed]


def _target(
    printer: PrinterSettings,
    number: int,
    table: dict[str, Any],
    outputs: Mapping[str, PrintOutput[Any]],
) -> Target:
    name = table.pop("to")
    if name not in outputs:
        raise ConfigurationError(
            f"printer {printer.ae_title!r} sends films to {name!r}, which no plugin offers; there "
            f"are {', '.join(sorted(outputs)) or 'none'}"
        )
    output = outputs[name]
    try:
        settings = output.settings.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"output {name!r} of printer {printer.ae_title!r}: {where}: {first['msg']}"
        ) from error
    return Target(key=f"{name} {number}", output=output, settings=settings)
