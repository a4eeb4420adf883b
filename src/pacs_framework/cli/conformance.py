"""``pacs conformance``: the DICOM Conformance Statement of this installation."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import click

from pacs_framework.app import Configured, empty_archive
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.conformance.as_html import to_html
from pacs_framework.conformance.as_json import to_json
from pacs_framework.conformance.as_markdown import to_markdown
from pacs_framework.conformance.compose import compose
from pacs_framework.conformance.gather import gather
from pacs_framework.conformance.statement import Statement

__all__ = ["command", "rendered", "statement_of"]

_TODAY = "today"


@click.command("conformance")
@archive_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "html", "json"]),
    default="markdown",
    show_default=True,
    help="html is one page without scripts; json holds the facts.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write instead of standard output.",
)
@click.option(
    "--date",
    is_flag=False,
    flag_value=_TODAY,
    default="",
    metavar="[YYYY-MM-DD]",
    help="Date of the document; without a value that of today. Left out: no date.",
)
def command(choice: ArchiveChoice, form: str, output: Path | None, date: str) -> None:
    """Write the DICOM Conformance Statement (PS3.2) of this installation.

    Everything in it is read from the configuration and the active plugins. It holds AE titles and
    addresses of the peers and rules that are configured.

    \b
    Example:
        pacs conformance --config pacs.toml --format html --output conformance.html
    """
    day = _day(date)
    text = rendered(statement_of(choice.configured()), form, day)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)


def statement_of(configured: Configured) -> Statement:
    """Ask the services of an installation around an archive that is thrown away."""
    plugins = configured.plugins
    with (
        tempfile.TemporaryDirectory(prefix="pacs-conformance-") as folder,
        empty_archive(Path(folder), plugins=plugins) as archive,
    ):
        provided = plugins.register("dimse_services", archive=archive)
        return gather(configured.settings, plugins, provided)


def rendered(statement: Statement, form: str, date: str = "") -> str:
    """The text of a statement as ``markdown``, ``html`` or ``json``."""
    if form == "json":
        return to_json(statement, date)
    document = compose(statement, date)
    return to_html(document) if form == "html" else to_markdown(document)


def _write(path: Path, text: str) -> None:
    """Put the file in place when it is whole; what was there before stays until then."""
    try:
        with click.open_file(str(path), "w", encoding="utf-8", atomic=True) as file:
            file.write(text)
    except OSError as error:
        raise click.ClickException(f"{str(path)!r} cannot be written: {error.strerror}") from None


def _day(text: str) -> str:
    if text == _TODAY:
        return dt.datetime.now(tz=dt.UTC).astimezone().date().isoformat()
    if not text:
        return ""
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no date: write it as YYYY-MM-DD", param_hint="--date"
        ) from None
