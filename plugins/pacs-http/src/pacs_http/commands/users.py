"""``pacs user add``, ``list``, ``passwd``, ``role``, ``remove`` and ``reopen``."""

from __future__ import annotations

import sys

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table
from pacs_http.access.passwords import hashed
from pacs_http.commands.opening import opened, opened_with_settings, role_option

__all__ = ["add", "list_", "passwd", "remove", "reopen", "role"]

_SHORTEST = 8

_password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
)


def _new_password(*, from_stdin: bool) -> str:
    """Asked for twice, or one line of standard input: what is an argument, `ps` shows to all."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    if len(password) < _SHORTEST:
        raise click.UsageError(f"a password has at least {_SHORTEST} characters")
    return password


@click.command("add")
@click.argument("name")
@archive_options
@role_option
@_password_option
def add(choice: ArchiveChoice, name: str, roles: tuple[str, ...], password_stdin: bool) -> None:
    """Make a user; the password is asked for.

    \b
    Example:
        pacs user add jane --role viewer
    """
    with opened(choice, roles) as accounts:
        accounts.add_user(name, hashed(_new_password(from_stdin=password_stdin)), roles)
    click.echo(f"user {name} may log in as {', '.join(roles)}")


@click.command("passwd")
@click.argument("name")
@archive_options
@_password_option
def passwd(choice: ArchiveChoice, name: str, password_stdin: bool) -> None:
    """Give a user another password.

    \b
    Example:
        pacs user passwd jane
    """
    with opened(choice) as accounts:
        accounts.change_user(name, password=hashed(_new_password(from_stdin=password_stdin)))
    click.echo(f"user {name} has a new password")


@click.command("role")
@click.argument("name")
@archive_options
@role_option
def role(choice: ArchiveChoice, name: str, roles: tuple[str, ...]) -> None:
    """Give a user these roles, and no others.

    \b
    Example:
        pacs user role jane --role viewer --role uploader
    """
    with opened(choice, roles) as accounts:
        accounts.change_user(name, roles=roles)
    click.echo(f"user {name} is now {', '.join(roles)}")


@click.command("remove")
@click.argument("name")
@archive_options
def remove(choice: ArchiveChoice, name: str) -> None:
    """Take a user away. Where the last one goes nobody gets in, until there is another one.

    \b
    Example:
        pacs user remove jane
    """
    with opened(choice) as accounts:
        accounts.remove_user(name)
    click.echo(f"user {name} may not log in any more")


@click.command("reopen")
@archive_options
def reopen(choice: ArchiveChoice) -> None:
    """Have nobody log in again on loopback, as before the first user or token.

    Everybody on this machine may then do everything by HTTP. Refused while there are users or
    tokens, and where the configuration asks for a login in any case.

    \b
    Example:
        pacs user reopen
    """
    with opened_with_settings(choice) as (accounts, settings):
        if settings.is_guarded:
            raise click.UsageError(
                "the configuration asks everybody to log in: login, certificates or oidc"
            )
        accounts.reopen()
    click.echo("on loopback nobody has to log in, until the first user or token is made")


@click.command("list")
@archive_options
@json_option
def list_(choice: ArchiveChoice, as_json: bool) -> None:
    """List the users.

    \b
    Example:
        pacs user list --json
    """
    with opened(choice) as accounts:
        users = accounts.users()
    if as_json:
        rows = [(u.name, list(u.roles), u.changed.isoformat(timespec="seconds")) for u in users]
        print_json([dict(zip(("name", "roles", "changed"), row, strict=True)) for row in rows])
        return
    print_table(
        ("NAME", "ROLES", "CHANGED"),
        [(u.name, ", ".join(u.roles), f"{u.changed:%Y-%m-%d %H:%M}") for u in users],
    )
