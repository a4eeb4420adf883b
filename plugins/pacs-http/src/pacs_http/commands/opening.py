"""The accounts of an archive for the time of a command; the archive itself may be running."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from pacs_http.access.accounts import Accounts
from pacs_http.access.links import Links
from pacs_http.settings import BUILT_IN
from pacs_http.tables import NAME

if TYPE_CHECKING:
    from pacs_framework.app import Configured
    from pacs_framework.cli.options import ArchiveChoice
    from pacs_http.settings import HttpSettings

__all__ = ["opened", "opened_links", "opened_with_settings", "role_option"]

role_option = click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    help=f"{', '.join(BUILT_IN)}, or one of the configuration; may be given again.",
)


@contextmanager
def opened_links(choice: ArchiveChoice) -> Iterator[tuple[Links, HttpSettings]]:
    """The links of the chosen archive, and where it is reached. Raises as a start does."""
    configured = choice.configured()
    with configured.open_tables() as tables:
        yield Links(tables(NAME)), _settings(configured)


@contextmanager
def opened_with_settings(choice: ArchiveChoice) -> Iterator[tuple[Accounts, HttpSettings]]:
    """The users and tokens of the chosen archive, and its settings. Raises as a start does."""
    configured = choice.configured()
    with configured.open_tables() as tables:
        yield Accounts(tables(NAME)), _settings(configured)


@contextmanager
def opened(choice: ArchiveChoice, roles: Collection[str] = ()) -> Iterator[Accounts]:
    """The users and tokens of the chosen archive. Raises as a start does, and for ``roles`` that
    nobody has defined.
    """
    configured = choice.configured()
    _check_roles(configured, roles)
    with configured.open_tables() as tables:
        yield Accounts(tables(NAME))


def _check_roles(configured: Configured, roles: Collection[str]) -> None:
    known = {*BUILT_IN, *_settings(configured).roles}
    for role in roles:
        if role not in known:
            raise click.UsageError(
                f"there is no role {role!r} (known: {', '.join(sorted(known))}); a section "
                f"[plugin.http.roles.{role}] makes one"
            )


def _settings(configured: Configured) -> HttpSettings:
    found: Any = next(each.settings for each in configured.plugins.active if each.name == NAME)
    settings: HttpSettings = found
    return settings
