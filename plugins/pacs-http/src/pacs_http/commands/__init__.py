"""``pacs user`` and ``pacs token``: who may log in."""

from __future__ import annotations

import click

from pacs_framework.cli.lazy import LazyGroup

__all__ = ["token", "user"]

_USERS = {
    name: f"pacs_http.commands.users:{name.replace('list', 'list_')}"
    for name in ("add", "list", "passwd", "role", "remove")
}
_TOKENS = {
    name: f"pacs_http.commands.tokens:{name.replace('list', 'list_')}"
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
