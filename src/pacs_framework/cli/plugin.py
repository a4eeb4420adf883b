"""``pacs plugin``: write a new plugin, and check one before it is shipped."""

from __future__ import annotations

from pathlib import Path

import click

from pacs_framework.authoring.check import check_plugin
from pacs_framework.authoring.clashes import refuse_taken
from pacs_framework.authoring.names import PluginName
from pacs_framework.authoring.project import Project, check_kind, kinds, new_project
from pacs_framework.authoring.target import find_target
from pacs_framework.cli.output import counting, json_option, print_json, print_table

__all__ = ["command"]


@click.group("plugin")
def command() -> None:
    """Write a plugin, and check it. `pacs plugins` lists those that are installed.

    \b
    Example:
        pacs plugin new tagger --kind hook
        pacs plugin check tagger
    """


@command.command("new")
@click.argument("name")
@click.option(
    "--kind",
    default="hook",
    show_default=True,
    help=f"What it is to be, one of: {', '.join(kinds())}.",
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder to make the new folder in.  [default: the current one]",
)
@click.option("--author", default="", help="Who wrote it, for the metadata.")
@click.option(
    "--license",
    "licence",
    default="MIT",
    show_default=True,
    help="SPDX expression, for example LicenseRef-Proprietary.",
)
@json_option
@click.pass_context
def new(
    context: click.Context,
    name: str,
    kind: str,
    into: Path,
    author: str,
    licence: str,
    as_json: bool,
) -> None:
    """Write a complete distribution for the plugin NAME, with tests that pass.

    NAME is the plugin alone: `tagger` becomes the distribution pacs-tagger with the package
    pacs_tagger. A name that is taken, or that package indexes would change, is refused.

    \b
    Example:
        pacs plugin new tagger --kind hook --into ~/src
    """
    plugin = PluginName.parse(name)
    check_kind(kind)
    folder = into / plugin.distribution
    refuse_taken(plugin, kind, folder, _commands(context))
    project = Project(name=plugin, kind=kind, author=author, licence=licence)
    try:
        written = new_project(project, into)
    except OSError as error:
        raise click.ClickException(f"{folder}: {error.strerror}") from None
    if as_json:
        print_json({"project": str(folder), "files": [str(path) for path in written]})
        return
    for path in written:
        click.echo(str(path))
    click.echo(
        f"\n{plugin.distribution} is ready. Next:\n"
        f"  cd {folder}\n"
        f"  python -m pip install -U pip        # --group came with 25.1\n"
        f"  python -m pip install -e . --group test\n"
        f"  python -m pytest\n"
        f"  pacs plugin check"
    )


def _commands(context: click.Context) -> list[str]:
    """What ``pacs`` knows, with the commands of installed plugins."""
    top = context.find_root()
    return top.command.list_commands(top) if isinstance(top.command, click.Group) else []


@command.command("check")
@click.argument("plugin", metavar="[DIST]", required=False)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file with a section of the plugin, for hooks that do nothing without one.",
)
@click.option(
    "--timeout",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds that any single step may take.",
)
@json_option
@click.pass_context
def check(
    context: click.Context,
    plugin: str | None,
    config: Path | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Check the installed plugin or distribution DIST; without it, the project in this folder.

    Looks at metadata, files and imports, loads the plugin alone in a process of its own, calls its
    hooks and runs its contract suites. Exit code 1 when anything failed; warnings do not count.

    \b
    Example:
        pacs plugin check tagger --json
    """
    target = find_target(plugin, Path())
    with counting("contract suites") as progress:
        report = check_plugin(target, config=config, timeout=timeout, progress=progress)
    if as_json:
        print_json(report.as_json())
    else:
        rows = [(each.check, each.result.value, each.detail) for each in report.findings]
        print_table(("CHECK", "RESULT", "DETAIL"), rows)
        verdict = "passed" if report.passed else "failed"
        click.echo(f"\n{report.distribution} {report.version}: {verdict}")
    if not report.passed:
        context.exit(1)
