"""``pacs anonymize lint``: a profile file explained and looked over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from pacs_anonymize.names import SHIPPED
from pacs_anonymize.pixels.document import PixelRuleEntry
from pacs_anonymize.pixels.known import (
    SHIPPED_RULES,
    is_pixel_document,
    read_pixel_document,
    shipped_rules_text,
)
from pacs_anonymize.pixels.lint import lint_pixels, pixel_sentence
from pacs_anonymize.pixels.recipe import is_recipe, read_recipe
from pacs_anonymize.profiles.document import Document
from pacs_anonymize.profiles.known import shipped_text
from pacs_anonymize.profiles.lint import Finding, Severity, lint
from pacs_anonymize.profiles.problems import UnreadableProfile
from pacs_anonymize.profiles.sentences import refusal_sentence, rule_sentence
from pacs_framework.cli.output import json_option, print_json

__all__ = ["command"]


@click.command("lint")
@click.argument("profile", metavar="FILE")
@json_option
@click.pass_context
def command(context: click.Context, profile: str, as_json: bool) -> None:
    """Explain the profile FILE rule by rule, and tell what is wrong with it.

    FILE may be the name of a profile file that comes with the plugin, too; a file with rules for
    pixels, or the name of one; or a recipe of deid. Warnings are rules that
    never apply, and rules that leave what the standard removes and do not say why. Exit code 1 when
    there is an error.

    \b
    Example:
        pacs anonymize lint site.toml --json
        pacs anonymize lint hipaa-safe-harbor
    """
    text = _text(profile)
    if is_recipe(text) or is_pixel_document(text):
        pixels, findings = _pixels(text, profile)
        document = None
    else:
        document, findings = lint(text, Path(profile).stem)
        pixels = () if document is None else document.pixels
    findings += lint_pixels(pixels)
    if as_json:
        explained = {**_explained(document), "pixels": [pixel_sentence(each) for each in pixels]}
        print_json({"profile": profile, **explained, "findings": _rows(findings)})
    else:
        _print(document, pixels, findings)
    if any(finding.severity is Severity.ERROR for finding in findings):
        context.exit(1)


def _pixels(text: str, name: str) -> tuple[Sequence[PixelRuleEntry], list[Finding]]:
    """Rules that are for pixels only, and what is wrong with those that cannot be read."""
    if is_recipe(text):
        recipe = read_recipe(text)
        return recipe.entries, [
            Finding(Severity.ERROR, f"line {each.line}", f"{each.label}: {each.reason}")
            for each in recipe.problems
        ]
    try:
        return read_pixel_document(text, name).pixels, []
    except UnreadableProfile as error:
        return (), [Finding(Severity.ERROR, each.place, each.message) for each in error.problems]


def _text(profile: str) -> str:
    if profile in SHIPPED:
        return shipped_text(profile)
    if profile in SHIPPED_RULES:
        return shipped_rules_text(profile)
    try:
        return Path(profile).read_text("utf-8")
    except OSError as error:
        raise click.ClickException(f"{profile}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{profile}: the file is not in UTF-8") from None


def _explained(document: Document | None) -> dict[str, object]:
    if document is None:
        return {"description": "", "options": [], "rules": [], "refuses": [], "covers": []}
    return {
        "description": document.description,
        "options": [option.value for option in document.options],
        "rules": [rule_sentence(rule) for rule in document.rule],
        "refuses": [refusal_sentence(each) for each in document.refuse],
        "covers": [each.model_dump(mode="json") for each in document.covers],
    }


def _rows(findings: list[Finding]) -> list[dict[str, str]]:
    return [
        {"severity": each.severity.value, "place": each.place, "message": each.message}
        for each in findings
    ]


def _print(
    document: Document | None, pixels: Sequence[PixelRuleEntry], findings: list[Finding]
) -> None:
    if document is not None:
        options = ", ".join(document.options) or "no option"
        click.echo(f"base: Basic Application Level Confidentiality Profile, {options}")
        for number, rule in enumerate(document.rule, start=1):
            click.echo(f"rule {number}: {rule_sentence(rule)}")
        for refused in document.refuse:
            click.echo(refusal_sentence(refused))
        for claim in document.covers:
            note = f" {claim.note}" if claim.note else ""
            click.echo(f"covers {claim.identifier}: {', '.join(claim.attributes)}.{note}")
    for number, entry in enumerate(pixels, start=1):
        click.echo(f"pixels {number}: {pixel_sentence(entry)}")
    for finding in findings:
        place = f"{finding.place}: " if finding.place else ""
        click.echo(f"{finding.severity.value}: {place}{finding.message}")
    if not findings:
        click.echo("no findings")
