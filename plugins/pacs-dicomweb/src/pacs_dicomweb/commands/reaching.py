"""The options by which commands reach a server. Secrets come by file or variable: what stands on a
command line is seen by everybody on the machine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pacs_framework.dicomweb.server import Secret, Server
from pacs_framework.errors import ConfigurationError

__all__ = ["server_options"]

_F = TypeVar("_F", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_OPTIONS = (
    click.option("--user", default="", help="Log in with this name; needs a password."),
    click.option("--password-file", type=_FILE, help="File with the password."),
    click.option("--password-env", default="", help="Environment variable with the password."),
    click.option("--token-file", type=_FILE, help="File with a bearer token."),
    click.option("--token-env", default="", help="Environment variable with a bearer token."),
    click.option("--ca", type=_FILE, help="Authorities that are trusted, as PEM."),
    click.option("--certificate", type=_FILE, help="Our certificate, as PEM."),
    click.option("--key", type=_FILE, help="Its private key, as PEM."),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=60.0,
        show_default=True,
        help="Seconds without any byte after which the server counts as gone.",
    ),
)


def server_options(command: _F) -> _F:
    """Add the argument URL and what logs in; the command gets them as one `Server`."""

    @functools.wraps(command)
    def run(
        url: str,
        password_file: Path | None,
        password_env: str,
        token_file: Path | None,
        token_env: str,
        **rest: Any,
    ) -> Any:
        reach = {name: rest.pop(name) for name in ("user", "ca", "certificate", "key", "timeout")}
        try:
            server = Server(
                url=url,
                password=Secret(file=password_file, variable=password_env),
                token=Secret(file=token_file, variable=token_env),
                **reach,
            )
        except ConfigurationError as error:
            raise click.UsageError(str(error)) from error
        return command(server=server, **rest)

    decorated: Any = run
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return click.argument("url")(decorated)  # type: ignore[no-any-return]
