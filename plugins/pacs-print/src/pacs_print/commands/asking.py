"""``pacs print status``."""

from __future__ import annotations

import click
from pydicom import Dataset

from pacs_framework.cli.output import json_option, print_json
from pacs_framework.cli.peer import Call, peer_options

__all__ = ["status"]


@click.command("status")
@peer_options
@click.option("--job", default="", metavar="UID", help="The status of a print job instead.")
@json_option
@click.pass_context
def status(context: click.Context, call: Call, job: str, as_json: bool) -> None:
    """Ask the printer at HOST PORT how it is, or what became of a job.

    Exit code 1 where the printer or the job says FAILURE.

    \b
    Example:
        pacs print status 10.0.0.9 104 --aec PRINTER
        pacs print status 10.0.0.9 104 --aec PRINTER --job 1.2.3 --json
    """
    from pacs_print.scu.client import Printer, proposal  # noqa: PLC0415 - the wire

    with call.open(proposal()) as association:
        printer = Printer(association)
        answer = printer.job_status(job) if job else printer.status()
    facts = _facts(answer)
    if as_json:
        print_json(facts)
    else:
        for name, value in facts.items():
            click.echo(f"{name}: {value}")
    if "FAILURE" in (facts.get("PrinterStatus"), facts.get("ExecutionStatus")):
        context.exit(1)


def _facts(answer: Dataset) -> dict[str, str]:
    """Attributes by keyword; those without one are of no use to a reader."""
    return {element.keyword: str(element.value) for element in answer if element.keyword}
