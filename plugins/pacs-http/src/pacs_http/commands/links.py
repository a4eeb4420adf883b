"""``pacs link create``, ``list`` and ``revoke``."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_framework.dicom.uids import is_valid_uid
from pacs_http.access.links import SHARED
from pacs_http.commands.opening import opened_links

if TYPE_CHECKING:
    from pacs_http.settings import HttpSettings

__all__ = ["create", "list_", "revoke"]

_LONGEST = 365


@click.command("create")
@click.argument("study", metavar="STUDY")
@archive_options
@click.option(
    "--days", type=click.IntRange(1, _LONGEST), required=True, help="Days until it expires."
)
@click.option("--note", default="", help="What it is for, as `pacs link list` shows it.")
@json_option
def create(choice: ArchiveChoice, study: str, days: int, note: str, as_json: bool) -> None:
    """Make a link to a study (Study Instance UID) and print it, this once.

    Whoever has it may see that study, and nothing else, until it expires or is revoked: send it as
    you would send the images. Below it everything is served as it is without, so a viewer takes
    LINK/dicom-web for the address of a DICOMweb service.

    \b
    Example:
        pacs link create 1.2.840.113619.2.55.3 --days 7 --note "second opinion"
    """
    if not is_valid_uid(study):
        raise click.UsageError(f"{study!r} is no UID; a link is for one study")
    expires = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    with opened_links(choice) as (links, settings):
        url = f"{_base(settings)}{SHARED}/{links.create(study, expires=expires, note=note)}"
    if as_json:
        print_json({"url": url, "study": study, "note": note, "expires": _text(expires)})
    else:
        click.echo(url)


@click.command("list")
@archive_options
@json_option
def list_(choice: ArchiveChoice, as_json: bool) -> None:
    """List the links, oldest first; for thirty days also those that have expired.

    \b
    Example:
        pacs link list --json
    """
    with opened_links(choice) as (links, _):
        found = links.all()
    if as_json:
        print_json(
            [
                {
                    "id": each.id,
                    "study": each.study,
                    "note": each.note,
                    "created": _text(each.created),
                    "expires": _text(each.expires),
                }
                for each in found
            ]
        )
        return
    rows = [(each.id, each.study, _text(each.expires), each.note) for each in found]
    print_table(("ID", "STUDY", "EXPIRES", "NOTE"), rows)


@click.command("revoke")
@click.argument("identity", metavar="ID")
@archive_options
def revoke(choice: ArchiveChoice, identity: str) -> None:
    """Take a link away; whoever opens it finds nothing.

    \b
    Example:
        pacs link revoke 1f3a5b7c9d0e
    """
    with opened_links(choice) as (links, _):
        links.revoke(identity)
    click.echo(f"link {identity} is revoked")


def _base(settings: HttpSettings) -> str:
    """Where clients reach the server; a name that everybody knows it by, if it is configured."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url or f"{settings.scheme}://{host}:{settings.port}"


def _text(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds")
