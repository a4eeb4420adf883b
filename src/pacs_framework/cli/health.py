"""``pacs health``: whether the archive that runs here can do its work."""

from __future__ import annotations

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json
from pacs_framework.live import ask
from pacs_framework.live.health import joint_health

__all__ = ["command"]


@click.command("health")
@archive_options
@json_option
@click.pass_context
def command(context: click.Context, choice: ArchiveChoice, as_json: bool) -> None:
    """Ask the running archive for its health; exit code 0, or 1 with the reasons.

    For systemd, containers and monitoring: each process of the archive looks at its index, its
    storage and the circuits of its plugins, within seconds. An optional plugin that is out of
    service is no reason.

    \b
    Example:
        pacs health --data /var/lib/pacs --json
    """
    data = choice.settings().archive.data
    answers = ask(data, "health")
    health = joint_health(answers, str(data))
    if as_json:
        print_json({"healthy": health.healthy, "reasons": health.reasons, "processes": answers})
    else:
        click.echo("\n".join(health.reasons) or "healthy")
    if not health.healthy:
        context.exit(1)
