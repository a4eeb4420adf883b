"""``pacs anonymize lint``: a profile file explained and looked over."""

from __future__ import annotations

from pathlib import Path

import click

from pacs_anonymize.names import SHIPPED
from pacs_anonymize.profiles.document import Document
from pacs_anonymize.profiles.known import shipped_text
from pacs_anonymize.profiles.lint import Finding, Severity, lint
from pacs_anonymize.profiles.sentences import refusal_sentence, rule_sentence
from pacs_framework.cli.output import json_option, print_json

__all__ = ["command"]


@click.command("lint")
@click.argument("profile", metavar="FILE")
@json_option
@click.pass_context
def command(context: click.Context, profile: str, as_json: bool) -> None:
    """Explain the profile FILE rule by rule, and tell what is wrong with it.

    FILE may be the name of a profile file that comes with the plugin, too. Warnings are rules that
    never apply, and rules that leave what the standard removes and do not say why. Exit code 1 when
    there is an error.

    \b
    Example:
        pacs anonymize lint site.toml --json
        pacs anonymize lint hipaa-safe-harbor
    """
    document, findings = lint(_text(profile), Path(profile).stem)
    if as_json:
        print_json({"profile": profile, **_explained(document), "findings": _rows(findings)})
    else:
        _print(document, findings)
    if any(finding.severity is Severity.ERROR for finding in findings):
        context.exit(1)


def _text(profile: str) -> str:
    if profile in SHIPPED:
        return shipped_text(profile)
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


def _print(document: Document | None, findings: list[Finding]) -> None:
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
    for finding in findings:
        place = f"{finding.place}: " if finding.place else ""
        click.echo(f"{finding.severity.value}: {place}{finding.message}")
    if not findings:
        click.echo("no findings")
