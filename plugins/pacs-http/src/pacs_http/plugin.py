"""The hooks of pacs-http: the door, its option, what it offers to others, its own rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pacs_framework import hookimpl
from pacs_http import hookspecs
from pacs_http.settings import DEFAULT_PORT, HttpSettings

if TYPE_CHECKING:
    import click

    from pacs_framework.archive.archive import Archive
    from pacs_framework.doors import Door
    from pacs_framework.tables import PluginTables
    from pacs_http.api import Asked, Grant


@hookimpl
def add_hookspecs() -> object:
    """Other plugins may answer requests, and have a say about them."""
    return hookspecs


@hookimpl
def config_models() -> type[HttpSettings]:
    """The section ``[plugin.http]``."""
    return HttpSettings


@hookimpl
def serve_options() -> Mapping[str, click.Option]:
    """``--http-port``."""
    import click  # noqa: PLC0415 - only the command line asks

    what = f"Port of HTTP; 0: any.  [default: {DEFAULT_PORT}]"
    return {"port": click.Option(["--http-port"], type=click.IntRange(0, 65535), help=what)}


@hookimpl
def cli_commands() -> Sequence[click.Command]:
    """``pacs user``, ``pacs token`` and ``pacs link``."""
    from pacs_http.commands import link, token, user  # noqa: PLC0415 - only the command line asks

    return [link, token, user]


# What follows imports SQLAlchemy, or what the contract needs, where it is used, not above: a
# command that only asks for plugins, such as `pacs echo`, needs neither.


@hookimpl
def tables() -> PluginTables:
    """Users, tokens and links."""
    from pacs_http.tables import TABLES  # noqa: PLC0415 - see above

    return TABLES


@hookimpl
def on_request(request: Asked, settings: HttpSettings) -> Grant | None:
    """Grant what the roles of users and tokens allow."""
    from pacs_http.access.roles import granted  # noqa: PLC0415 - see above

    return granted(request, settings)


@hookimpl
def doors(archive: Archive, settings: HttpSettings) -> Sequence[Door]:
    """Listen."""
    from pacs_http.door import HttpDoor  # noqa: PLC0415 - see above

    return [HttpDoor(archive, settings)]
