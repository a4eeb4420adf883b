"""``pacs retention``: look at what the rules would delete, and have them carried out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import counting, json_option, print_json, print_table

if TYPE_CHECKING:
    from pacs_framework.app import Configured
    from pacs_framework.archive.archive import Archive
    from pacs_retention.planning import Plan
    from pacs_retention.settings import Settings

__all__ = ["retention"]


@click.group("retention", invoke_without_command=True)
@click.option("--dry-run", is_flag=True, help="List what would go now, and change nothing.")
@archive_options
@json_option
@click.pass_context
def retention(context: click.Context, choice: ArchiveChoice, dry_run: bool, as_json: bool) -> None:
    """Delete studies by the rules in [[plugin.retention.rules]].

    A running archive does so by itself. Protected studies and patients always stay; every deletion
    is in `pacs deletions`.

    \b
    Example:
        pacs retention --dry-run --config pacs.toml
        pacs retention run --config pacs.toml
    """
    if context.invoked_subcommand is not None:
        if dry_run:
            raise click.UsageError("--dry-run stands alone: pacs retention --dry-run")
        return
    if not dry_run:
        click.echo(context.get_help())
        return
    from pacs_retention.cycle import plan_now  # noqa: PLC0415 - `--help` needs no database
    from pacs_retention.telling import COLUMNS, plan_json, plan_rows  # noqa: PLC0415

    with _opened(choice) as (archive, settings):
        plan = plan_now(archive, settings)
    if as_json:
        print_json(plan_json(plan))
        return
    print_table(COLUMNS, plan_rows(plan))
    click.echo(_summary(plan))


@retention.command("run")
@archive_options
@json_option
@click.pass_context
def run(context: click.Context, choice: ArchiveChoice, as_json: bool) -> None:
    """Do one cycle now, whatever the pause between two of them.

    Works beside a running archive. Exit code 1 when objects could not be removed from the storage
    yet; nobody finds those, and the next start tries again.

    \b
    Example:
        pacs retention run --config pacs.toml --json
    """
    import threading  # noqa: PLC0415

    from pacs_retention.cycle import carry_out, plan_now  # noqa: PLC0415

    with _opened(choice) as (archive, settings), counting("deleting studies") as count:
        plan = plan_now(archive, settings)
        done = carry_out(archive, settings, plan, threading.Event(), count)
    if as_json:
        print_json({**done._asdict(), "held": len(plan.held), "more": plan.more})
    else:
        click.echo(
            f"{done.studies} studies deleted: {done.instances} instances, {done.size} bytes; "
            f"{len(plan.held) + done.stayed} stay that a rule would take"
        )
        if plan.more:
            click.echo("there is more to go in the next cycle")
    if done.left:
        click.echo(f"{done.left} objects are still in the storage", err=True)
        context.exit(1)


@retention.command("rules")
@archive_options
@json_option
def rules(choice: ArchiveChoice, as_json: bool) -> None:
    """List the rules: what each is for, how much that is, and what it would take now.

    \b
    Example:
        pacs retention rules --config pacs.toml
    """
    import datetime as dt  # noqa: PLC0415

    from pacs_retention.cycle import studies_of  # noqa: PLC0415
    from pacs_retention.planning import planned  # noqa: PLC0415
    from pacs_retention.telling import RULE_COLUMNS, rule_rows, rules_json  # noqa: PLC0415

    with _opened(choice) as (archive, settings):
        studies = studies_of(archive, settings)
    plan = planned(studies, settings, dt.datetime.now(dt.UTC))
    if as_json:
        print_json(rules_json(settings, studies, plan))
    else:
        print_table(RULE_COLUMNS, rule_rows(settings, studies, plan))


@contextmanager
def _opened(choice: ArchiveChoice) -> Iterator[tuple[Archive, Settings]]:
    """The archive beside whatever process runs it, and the rules."""
    from pacs_framework.app import App  # noqa: PLC0415

    configured = choice.configured()
    settings = _settings_of(configured)
    with App(configured, listen=False, feed=False) as app:
        yield app.archive, settings


def _settings_of(configured: Configured) -> Settings:
    """The settings of this plugin. Raises click's error where it is switched off."""
    from pacs_retention.settings import Settings  # noqa: PLC0415

    for plugin in configured.plugins.active:
        if isinstance(plugin.settings, Settings):
            return plugin.settings
    raise click.ClickException("the configuration has the plugin 'retention' switched off")


def _summary(plan: Plan) -> str:
    size = sum(step.study.size for step in plan.steps)
    more = "; more in the cycles after it" if plan.more else ""
    return f"{len(plan.steps)} studies would go, {size} bytes; {len(plan.held)} stay{more}"
