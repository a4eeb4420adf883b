"""``pacs anonymize import-recipe``: a recipe of deid as rules for pixels."""

from __future__ import annotations

from pathlib import Path

import click

from pacs_anonymize.pixels.recipe import Recipe, is_recipe, read_recipe
from pacs_anonymize.pixels.writing import document_text
from pacs_framework.cli.files import sentence_of
from pacs_framework.cli.output import json_option, print_json
from pacs_framework.whole_file import check_free, whole_file

__all__ = ["command"]


@click.command("import-recipe")
@click.argument("recipe", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the rules.  [default: standard output]",
)
@click.option("--overwrite", is_flag=True, help="Replace the file where it is there.")
@json_option
@click.pass_context
def command(
    context: click.Context, recipe: Path, output: Path | None, overwrite: bool, as_json: bool
) -> None:
    """Write the pixel filters of RECIPE, a recipe of deid, as rules for --pixel-rules.

    What cannot be understood is told with its line, and no rule is made of it: an image that only
    it was for is then refused, unless another rule vouches for it. Read the rules before you use
    them. Exit code 1 when something was not understood.

    \b
    Example:
        pacs anonymize import-recipe deid.dicom -o deid.toml
    """
    found = _read(recipe)
    if not found.entries:
        raise click.ClickException(f"{recipe}: no filter of it can be understood as a rule")
    text = document_text(f"from the recipe {recipe.name}", found.entries)
    if output is not None:
        _write(text, output, overwrite=overwrite)
    _tell(found, text, output, as_json=as_json)
    if found.problems:
        context.exit(1)


def _read(recipe: Path) -> Recipe:
    try:
        text = recipe.read_text("utf-8")
    except OSError as error:
        raise click.ClickException(sentence_of(error)) from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{recipe}: the file is not in UTF-8") from None
    if not is_recipe(text):
        raise click.ClickException(f"{recipe}: no recipe of deid; one begins with FORMAT dicom")
    return read_recipe(text)


def _write(text: str, output: Path, *, overwrite: bool) -> None:
    try:
        check_free(output, overwrite=overwrite)
        with whole_file(output, overwrite=overwrite) as writer:
            writer.write(text.encode())
    except FileExistsError:
        raise click.ClickException(f"{output} is there already; --overwrite replaces it") from None
    except OSError as error:
        raise click.ClickException(sentence_of(error)) from None


def _tell(found: Recipe, text: str, output: Path | None, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "rules": [entry.model_dump(mode="json") for entry in found.entries],
                "not_understood": [
                    {"line": each.line, "label": each.label, "reason": each.reason}
                    for each in found.problems
                ],
                "lines_not_for_pixels": found.others,
            }
        )
        return
    if output is None:
        click.echo(text, nl=False)
    for problem in found.problems:
        click.echo(f"not understood: {problem}", err=True)
    click.echo(
        f"{len(found.entries)} rules, {len(found.problems)} labels not understood, "
        f"{found.others} lines that are not for pixels",
        err=output is None,
    )
