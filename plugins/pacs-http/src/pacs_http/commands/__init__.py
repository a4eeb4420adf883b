"""``pacs user``, ``pacs token`` and ``pacs link``: who gets in."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["link", "token", "user"]

_USERS = {
    name: f"pacs_http.commands.users:{name.replace('list', 'list_')}"
    for name in ("add", "list", "passwd", "role", "remove", "reopen")
}
_TOKENS = {
    name: f"pacs_http.commands.tokens:{name.replace('list', 'list_')}"
    for name in ("create", "list", "revoke")
}


_LINKS = {
    name: f"pacs_http.commands.links:{name.replace('list', 'list_')}"
    for name in ("create", "list", "revoke")
}


@click.group("user", cls=LazyGroup, places=_USERS)
def user() -> None:
    """People who log in with a password: HTTP asks for one as soon as there is a user.

    \b
    Example:
        pacs user add jane --role viewer
    """


@click.group("token", cls=LazyGroup, places=_TOKENS)
def token() -> None:
    """Tokens, by which programs log in (Authorization: Bearer …).

    \b
    Example:
        pacs token create viewer-app --role viewer --days 90
    """


@click.group("link", cls=LazyGroup, places=_LINKS)
def link() -> None:
    """Links, by which one study can be seen without an account, for some days.

    \b
    Example:
        pacs link create 1.2.840.113619.2.55.3 --days 7
    """
