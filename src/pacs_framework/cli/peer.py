"""What every command that calls a peer has in common: its options and the association it opens."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from pacs_framework.network.association import Association
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.limits import Limits
from pacs_framework.network.requestor import connect
from pacs_framework.network.router import Router
from pacs_framework.network.tls import client_context

__all__ = ["Call", "peer_options"]

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A peer and how to call it, as the options of a command say."""

    host: str
    port: int
    calling_aet: str
    called_aet: str
    timeout: float
    tls: ssl.SSLContext | None

    def open(
        self, contexts: Sequence[ProposedContext], services: Router | None = None
    ) -> Association:
        """Open an association; raises OSError or PacsError with a sentence for the user.

        ``services`` answer what the peer asks on it.
        """
        return connect(
            self.host,
            self.port,
            calling_aet=self.calling_aet,
            called_aet=self.called_aet,
            contexts=contexts,
            settings=Limits(artim_timeout=self.timeout, network_timeout=self.timeout),
            tls=self.tls,
            services=services,
        )


def peer_options(command: _F) -> _F:
    """Add HOST, PORT and the options of an association; the command gets them as one `Call`.

    Stands right below ``@click.command()``, so that HOST and PORT come before other arguments.
    """

    @functools.wraps(command)
    def run(
        host: str,
        port: int,
        aet: str,
        aec: str,
        timeout: float,
        tls: bool,
        ca: Path | None,
        certificate: Path | None,
        key: Path | None,
        **rest: Any,
    ) -> Any:
        context = _tls(ca, certificate, key) if tls else None
        call = Call(
            host=host, port=port, calling_aet=aet, called_aet=aec, timeout=timeout, tls=context
        )
        return command(call=call, **rest)

    path = click.Path(exists=True, dir_okay=False, path_type=Path)
    for decorate in reversed(
        (
            click.argument("host"),
            click.argument("port", type=click.IntRange(1, 65535)),
            click.option("--aet", default="PACSSCU", show_default=True, help="Our own AE title."),
            click.option(
                "--aec", default="ANY-SCP", show_default=True, help="The peer's AE title."
            ),
            click.option(
                "--timeout",
                default=30.0,
                show_default=True,
                type=click.FloatRange(min=0, min_open=True),
                help="Seconds to wait for the network.",
            ),
            click.option("--tls", is_flag=True, help="Call over TLS."),
            click.option("--ca", type=path, help="Certificates that the peer's must come from."),
            click.option("--certificate", type=path, help="Our own certificate (PEM)."),
            click.option("--key", type=path, help="The private key of our certificate (PEM)."),
        )
    ):
        run = decorate(run)
    return run  # type: ignore[return-value]


def _tls(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key belong together: give both or neither")
    return client_context(ca=ca, certificate=certificate, key=key)
