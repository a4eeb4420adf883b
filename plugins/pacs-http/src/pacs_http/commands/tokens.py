"""``pacs token create``, ``list`` and ``revoke``."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_http.access.accounts import Token
from pacs_http.access.scope import Limit
from pacs_http.commands.opening import opened, role_option

__all__ = ["create", "list_", "revoke"]


@click.command("create")
@click.argument("name")
@archive_options
@role_option
@click.option("--days", type=click.IntRange(min=1), help="Days until it expires.  [default: never]")
@click.option("--patient", "patients", multiple=True, help="Patient ID, with * and ?.")
@click.option("--modality", "modalities", multiple=True, help="Modality, with * and ?.")
@click.option("--study", "studies", multiple=True, help="Study Instance UID.")
@click.option("--label", "labels", multiple=True, help="Label of the study or the patient.")
@click.option(
    "--ae-title", "ae_titles", multiple=True, help="AE title it was stored from, with * and ?."
)
@json_option
def create(
    choice: ArchiveChoice,
    name: str,
    roles: tuple[str, ...],
    days: int | None,
    patients: tuple[str, ...],
    modalities: tuple[str, ...],
    studies: tuple[str, ...],
    labels: tuple[str, ...],
    ae_titles: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make a token and print it, this once: the archive keeps what proves it, and not the token.

    With --patient, --modality, --study, --label or --ae-title it is for those alone; each may be
    given again. What is stored with a token counts as stored from an AE title of its NAME.

    \b
    Example:
        pacs token create viewer-app --role viewer --days 90
        curl -H "Authorization: Bearer pacs_…" http://127.0.0.1:8042/openapi.json
    """
    limit = Limit(
        patients=patients,
        modalities=modalities,
        studies=studies,
        labels=labels,
        ae_titles=ae_titles,
    )
    expires = None if days is None else dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    with opened(choice, roles) as accounts:
        token = accounts.create_token(
            name, roles, expires=expires, limits=() if limit.is_none else (limit,)
        )
    if as_json:
        print_json({"token": token, "name": name, "roles": list(roles), "expires": _text(expires)})
    else:
        click.echo(token)


@click.command("list")
@archive_options
@json_option
def list_(choice: ArchiveChoice, as_json: bool) -> None:
    """List the tokens, oldest first; expired ones too.

    \b
    Example:
        pacs token list --json
    """
    with opened(choice) as accounts:
        tokens = accounts.tokens()
    if as_json:
        print_json([_as_json(token) for token in tokens])
        return
    print_table(
        ("ID", "NAME", "ROLES", "LIMITED", "EXPIRES"),
        [
            (
                token.id,
                token.name,
                ", ".join(token.roles),
                "yes" if token.limits else "",
                _text(token.expires) or "never",
            )
            for token in tokens
        ],
    )


@click.command("revoke")
@click.argument("identity", metavar="ID")
@archive_options
def revoke(choice: ArchiveChoice, identity: str) -> None:
    """Take a token away; its next request is refused.

    \b
    Example:
        pacs token revoke 1f3a5b7c9d0e
    """
    with opened(choice) as accounts:
        accounts.revoke_token(identity)
    click.echo(f"token {identity} is revoked")


def _as_json(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "roles": list(token.roles),
        "limits": [asdict(limit) for limit in token.limits],
        "created": _text(token.created),
        "expires": _text(token.expires),
    }


def _text(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
