"""Where the steps of a command are: in the database of an archive, or at a peer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.peer import Call
from pacs_ups.bells import ring_all
from pacs_ups.commands.places import Peer, Place
from pacs_ups.settings import UpsSettings
from pacs_ups.state.channels import Channels
from pacs_ups.state.outbox import Outbox
from pacs_ups.state.steps import Steps
from pacs_ups.state.subscribing import Subscriptions
from pacs_ups.tables import NAME

if TYPE_CHECKING:
    from pacs_framework.app import Configured

__all__ = ["OUR_AET", "Local", "Where", "opened", "where_options"]

OUR_AET = "PACSSCU"
"""What commands call themselves at a peer, unless told."""

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Local:
    """What an archive has, beside which it may run."""

    steps: Steps
    subscriptions: Subscriptions
    outbox: Outbox
    channels: Channels
    ring: Callable[[], None]


@contextmanager
def opened(choice: ArchiveChoice) -> Iterator[Local]:
    """The state in the database of the chosen archive. Raises as a start does."""
    configured = choice.configured()
    settings = _settings(configured)
    changed = functools.partial(ring_all, configured.data)
    known = {peer.aet for peer in configured.settings.peers.values()}
    with configured.open_tables() as tables:
        store = tables(NAME)
        yield Local(
            Steps(store, worklist_label=settings.worklist_label, ring=changed),
            Subscriptions(store, knows=known.__contains__, ring=changed),
            Outbox(store),
            Channels(store),
            changed,
        )


def _settings(configured: Configured) -> UpsSettings:
    found = (plugin.settings for plugin in configured.plugins.active if plugin.name == NAME)
    settings = next(found, None)
    return settings if isinstance(settings, UpsSettings) else UpsSettings()


@dataclass(frozen=True, slots=True)
class Where:
    """The archive of the command line, or the peer that it names."""

    choice: ArchiveChoice
    call: Call | None

    @contextmanager
    def open(self) -> Iterator[Place]:
        """Its steps. Raises OSError and `PacsError`."""
        if self.call is None:
            with opened(self.choice) as local:
                yield local.steps
            return
        with Peer(self.call) as peer:
            yield peer


def where_options(command: _F) -> _F:
    """Add the options of an archive, and ``--peer`` with its own; all come as one `Where`."""

    @functools.wraps(command)
    def run(
        choice: ArchiveChoice,
        peer: tuple[str, int] | None,
        aet: str,
        aec: str,
        timeout: float,
        **rest: Any,
    ) -> Any:
        call = peer and Call(
            host=peer[0],
            port=peer[1],
            calling_aet=aet,
            called_aet=aec,
            timeout=timeout,
            tls=None,
        )
        return command(where=Where(choice, call or None), **rest)

    for decorate in (
        click.option(
            "--timeout",
            default=30.0,
            show_default=True,
            type=click.FloatRange(min=0, min_open=True),
            help="With --peer: seconds to wait for the network.",
        ),
        click.option(
            "--aec", default="ANY-SCP", show_default=True, help="With --peer: its AE title."
        ),
        click.option(
            "--aet", default=OUR_AET, show_default=True, help="With --peer: our AE title."
        ),
        click.option(
            "--peer",
            type=(str, click.IntRange(1, 65535)),
            metavar="HOST PORT",
            help="The steps of a peer, instead of those of the archive.",
        ),
        archive_options,
    ):
        run = decorate(run)
    return run  # type: ignore[return-value]
