"""Outputs of all plugins, those that a printer has, and a job that goes to each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from pacs_framework.errors import ConfigurationError
from pacs_print.outputs.contract import OutputError, PrintJob, PrintOutput

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_print.printers import PrinterSettings
    from pacs_print.sheet import Sheet

__all__ = ["Target", "deliver", "registered", "targets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An output with what a printer wants of it."""

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
    return tuple(_target(printer, dict(table), outputs) for table in printer.outputs)


def deliver(job: PrintJob, sheets: Iterable[Sheet], to: Iterable[Target]) -> None:
    """Send a job to all of its outputs; all have it when this returns.

    Sheets are drawn one by one. Raises `OutputError`: then the job has to be delivered again, and
    outputs that had it get it once more.
    """
    try:
        with ExitStack() as stack:
            deliveries = []
            for target in to:
                delivery = target.output.begin(job, target.settings)
                stack.callback(delivery.close)
                deliveries.append(delivery)
            for number, sheet in enumerate(sheets, 1):
                for delivery in deliveries:
                    delivery.add(number, sheet)
            for delivery in deliveries:
                delivery.finish()
    except OSError as error:
        raise OutputError(str(error)) from error


def _target(
    printer: PrinterSettings, table: dict[str, Any], outputs: Mapping[str, PrintOutput[Any]]
) -> Target:
    name = table.pop("to")
    if name not in outputs:
        raise ConfigurationError(
            f"printer {printer.ae_title!r} sends films to {name!r}, which no plugin offers; there "
            f"are {', '.join(sorted(outputs)) or 'none'}"
        )
    output = outputs[name]
    try:
        return Target(output=output, settings=output.settings.model_validate(table))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"output {name!r} of printer {printer.ae_title!r}: {where}: {first['msg']}"
        ) from error
