"""``pacs serve``: run the archive until it is asked to stop."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from pacs_framework import __version__
from pacs_framework.app import App, Configured
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.serve_options import contributed_options, settings_of_plugins
from pacs_framework.cli.signals import Signals
from pacs_framework.cli.workers import (
    STOP_SIGNALS,
    serve_with_workers,
    stop_when_supervisor_ends,
    wait_for_stop,
)
from pacs_framework.config.redaction import without_passwords
from pacs_framework.logs import configure_logging

__all__ = ["command"]

_OF_PLUGINS = "pacs.serve_options"
_NO_PLUGINS = "none: every request will be refused; install plugins with pip"


class _ServeCommand(click.Command):
    """Has the options of plugins too, once one is needed: the import of plugins is not free."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The kernel's, and those of plugins where this run has asked for them."""
        return [*super().get_params(ctx), *ctx.meta.get(_OF_PLUGINS, ())]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As the kernel alone knows them, else with what plugins add."""
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption:
            ctx.meta[_OF_PLUGINS] = contributed_options()
            return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """For help, all of them."""
        ctx.meta[_OF_PLUGINS] = contributed_options()
        super().format_options(ctx, formatter)


@click.command("serve", cls=_ServeCommand)
@archive_options
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0: any.  [default: 11112]")
@click.option("--aet", help="AE title of the archive.  [default: PACS]")
@click.option("--workers", type=click.IntRange(1, 256), help="Acceptor processes.  [default: 1]")
@click.option("--log-format", type=click.Choice(["auto", "console", "json"]), help="How to log.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
@click.option("--worker-socket", type=int, hidden=True)
@click.option("--worker-door", "worker_doors", multiple=True, hidden=True)
def command(
    choice: ArchiveChoice,
    host: str | None,
    port: int | None,
    aet: str | None,
    workers: int | None,
    log_format: str | None,
    log_level: str | None,
    worker_socket: int | None,
    worker_doors: tuple[str, ...],
    **of_plugins: object,
) -> None:
    """Run the archive; SIGTERM or Ctrl-C stops it.

    \b
    Example:
        pacs serve --data /var/lib/pacs --aet ARCHIVE --host 0.0.0.0 --port 104 --workers 4
    """
    signals = Signals((*STOP_SIGNALS, signal.SIGCHLD))
    configured = choice.configured(
        {
            "network": {"host": host, "port": port, "workers": workers},
            "archive": {"aet": aet},
            "log": {"format": log_format, "level": log_level},
            **settings_of_plugins(of_plugins),
        }
    )
    configure_logging(configured.settings.log)
    if worker_socket is not None:
        _serve_as_worker(configured, worker_socket, worker_doors, signals)
    elif configured.settings.network.workers > 1:
        with App(configured, listen=False) as app:
            serve_with_workers(
                app, signals, announce=lambda address: _announce(configured, address, app)
            )
    else:
        with App(configured) as app:
            _announce(configured, app.address, app)
            gc.freeze()  # what a start has made stays: the collector need not look at it again
            wait_for_stop(signals)


def _serve_as_worker(
    configured: Configured, descriptor: int, doors: Sequence[str], signals: Signals
) -> None:
    stop_when_supervisor_ends()
    named = (door.rpartition("=") for door in doors)
    sockets = {name: socket.socket(fileno=int(number)) for name, _, number in named}
    listen_on = socket.socket(fileno=descriptor)
    with App(configured, feed=False, listen_on=listen_on, doors_on=sockets):
        gc.freeze()
        wait_for_stop(signals)


def _announce(configured: Configured, address: tuple[str, int], app: App) -> None:
    """Say what is listening, which plugins are active, and what to try."""
    host, port = address
    aet = configured.settings.archive.aet
    tls = " (TLS)" if configured.settings.network.tls.enabled else ""
    plugins = ", ".join(plugin.name for plugin in configured.plugins.active) or _NO_PLUGINS
    missing = [row for row in configured.plugins.rows() if row.state == "failed"]
    lines = [
        f"pacs-framework {__version__}",
        f"  listening on {host}:{port} as {aet}{tls}",
        *(f"  {name:<12} {url}" for name, url in app.entrances.urls().items()),
        f"  data         {configured.data}",
        f"  objects      {without_passwords(configured.storage_url)}",
        f"  plugins      {plugins}",
        *(f"  left out     {row.name}: {row.reason}" for row in missing),
        f"  try          {_pacs()} echo {host} {port} --aec {aet}",
    ]
    click.echo("\n".join(lines))
    sys.stdout.flush()


def _pacs() -> str:
    """The command as it can be typed in this folder."""
    program = Path(sys.argv[0])
    if program.name != "pacs":
        return "pacs"
    try:
        return str(program.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(program)
