"""``pacs anonymize PATH… -o OUT``: de-identified copies of files."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import click

from pacs_anonymize.commands.checking import checked
from pacs_anonymize.commands.choice import Chosen, Places, choose
from pacs_anonymize.commands.processes import run
from pacs_anonymize.commands.results import Results
from pacs_anonymize.commands.vault_options import vault_key_option
from pacs_anonymize.commands.work import Plan
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.patients import Unknown
from pacs_anonymize.pixels.options import PixelOption, option_named
from pacs_framework.cli.files import file_tasks, jobs_option, overwrite_option, sentence_of
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, progress

__all__ = ["command"]

_NOWHERE = Path(os.devnull)
"""The output folder of a dry run without one: no folder that is looked into."""


@click.command("run")
@archive_options
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the new files; needed unless it is a dry run.",
)
@click.option(
    "--profile",
    metavar="NAME|FILE",
    help="A profile of this plugin, or a profile file.  [default: basic]",
)
@click.option(
    "--option",
    "options",
    multiple=True,
    type=click.Choice([each.value for each in (*PixelOption, *Option)]),
    metavar="OPTION",
    help=f"An option of PS3.15 E.3, may be given again: {', '.join([*PixelOption, *Option])}.",
)
@click.option(
    "--pixel-rules",
    metavar="NAME|FILE",
    multiple=True,
    help="Rules for what is to be seen, with the option clean-pixel-data; may be given again.  "
    "[default: standard]",
)
@click.option(
    "--with",
    "anonymizer",
    metavar="ANONYMIZER",
    help="An anonymizer of any plugin, instead of a profile.",
)
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the secret key.  [default: that of the configuration, else one for this run]",
)
@click.option(
    "--pseudonyms",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV file that names patients, before the key.  [default: that of the configuration]",
)
@click.option(
    "--unknown",
    type=click.Choice([each.value for each in Unknown]),
    help="What to do with patients who are not in the table.  [default: refuse]",
)
@click.option(
    "--map",
    "--vault",
    "vault",
    metavar="VAULT",
    help="Vault to keep the way back in, before a file is written.  [default: none]",
)
@vault_key_option
@click.option(
    "--quarantine",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for a copy of what cannot be de-identified.  [default: none]",
)
@click.option("--keep-names", is_flag=True, help="Name new files like the old ones.")
@overwrite_option
@click.option("--dry-run", is_flag=True, help="Write nothing, and tell what would be changed.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for what was changed: a line of JSON for each instance.",
)
@jobs_option("Processes to work with.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    choice: ArchiveChoice,
    paths: tuple[Path, ...],
    output: Path | None,
    profile: str | None,
    options: tuple[str, ...],
    pixel_rules: tuple[str, ...],
    anonymizer: str | None,
    key_file: Path | None,
    pseudonyms: Path | None,
    unknown: str | None,
    vault: str | None,
    vault_key: Path | None,
    quarantine: Path | None,
    keep_names: bool,
    overwrite: bool,
    dry_run: bool,
    report: Path | None,
    jobs: int,
    as_json: bool,
) -> None:
    """Write de-identified copies of the DICOM files at PATHS, folders with all that is in them.

    New files are named by their new UIDs, OUT/STUDY/SERIES/INSTANCE.dcm, because names of files
    tend to be names of patients. A file that cannot be de-identified is not written. Files below
    a folder that are no DICOM are skipped. Pixel data stay as they are, unless the option
    clean-pixel-data or --pixel-rules has burned-in text made black; an image that no rule is for
    is then not written. Exit code 0 when every instance was written, else 1.

    \b
    Example:
        pacs anonymize ~/studies -o ~/anonymous --key-file ~/study-a.key
        pacs anonymize ~/studies --dry-run --profile hipaa-safe-harbor
        pacs anonymize ~/ultrasound -o ~/anonymous --pixel-rules ours.toml --pixel-rules standard
    """
    if output is None and not dry_run:
        raise click.UsageError("-o says where the new files go; --dry-run writes none", context)
    if dry_run and (vault is not None or quarantine is not None):
        raise click.UsageError("--dry-run keeps nothing: leave out --map and --quarantine", context)
    chosen = choose(
        choice,
        profile=profile,
        options=tuple(option_named(option) for option in options),
        pixel_rules=pixel_rules,
        anonymizer=anonymizer,
        places=Places(
            key_file=key_file,
            pseudonyms=pseudonyms,
            unknown=unknown,
            vault=vault,
            vault_key=vault_key,
        ),
    )
    _tell(chosen, report)
    plan = Plan(
        anonymizer=chosen.name,
        make=chosen.make,
        output=output,
        write=not dry_run,
        keep_names=keep_names,
        overwrite=overwrite,
        tell_changes=chosen.tells_changes and (dry_run or report is not None),
        keeper=chosen.keeper,
        quarantine=quarantine,
        codecs=chosen.codecs,
    )
    tasks = list(file_tasks(paths, output or _NOWHERE))
    results = Results(as_json=as_json, dry_run=dry_run)
    title = f"de-identifying by {chosen.name}"
    try:
        with ExitStack() as files:
            if report is not None:
                results.report_to(report, files, overwrite=overwrite)
            done = checked(run(plan, tasks, jobs), paths)
            for each in progress(done, title, total=len(tasks)):
                results.add(each)
    except OSError as error:  # of the report: those of other files are results
        raise click.ClickException(sentence_of(error)) from error
    results.print()
    if not results.good:
        context.exit(1)


def _tell(chosen: Chosen, report: Path | None) -> None:
    """What the user should know before; refuse what cannot be done."""
    if report is not None and not chosen.tells_changes:
        raise click.UsageError(f"{chosen.name!r} does not tell what it changes: no --report")
    if chosen.one_time_key:
        click.echo(
            "no key is given: the pseudonyms and UIDs of this run are its own, and its key is "
            "forgotten; --key-file FILE gives the same ones again",
            err=True,
        )
