"""``pacs import from``: the studies of another archive, by C-MOVE or C-GET."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from pacs_framework.app import App, Configured
from pacs_framework.cli.dates import DateRangeType
from pacs_framework.cli.options import ArchiveChoice, archive_options
from pacs_framework.cli.output import json_option, print_json, print_table, progress
from pacs_framework.errors import ConfigurationError
from pacs_framework.live import ask
from pacs_framework.moving.ledger import Entry, Ledger
from pacs_framework.moving.listing import DateRange, found_studies
from pacs_framework.moving.mover import Mover
from pacs_framework.moving.old_archive import Call, FoundStudy, OldArchive, Sent
from pacs_framework.moving.one_study import Transfer
from pacs_framework.moving.pace import Pace
from pacs_framework.network.association import Association
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.errors import AssociationError
from pacs_framework.network.peers import PeerAddress
from pacs_framework.network.router import Router

__all__ = ["from_peer"]


class _Key(click.ParamType[tuple[str, str]]):
    name = "KEYWORD=VALUE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Apart at the first equals sign."""
        keyword, equals, wanted = str(value).partition("=")
        if not equals or not keyword.isidentifier():
            self.fail(
                f"{str(value)!r}: write a keyword and a value, as in PatientID=4711", param, ctx
            )
        return keyword, wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Which studies."""

    uids: Sequence[str]
    keys: dict[str, str]
    dates: DateRange | None
    days: int

    def studies(self, peer: OldArchive) -> Iterator[FoundStudy]:
        """What the peer has of them. Raises as `OldArchive.studies` does."""
        if not self.uids:
            yield from found_studies(peer, self.keys, self.dates, days=self.days)
        for uid in self.uids:
            yield from peer.studies({"StudyInstanceUID": uid})


@click.command("from")
@click.argument("peer")
@click.option("--study", "uids", multiple=True, metavar="UID", help="This study; repeatable.")
@click.option(
    "--studies",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The studies whose UIDs stand in this file, one a line.",
)
@click.option("--key", "keys", multiple=True, type=_Key(), help="Studies that match; repeatable.")
@click.option(
    "--date", "dates", type=DateRangeType(), help="Studies of these dates, the newest first."
)
@click.option(
    "--slice",
    "days",
    default=31,
    show_default=True,
    type=click.IntRange(1),
    help="Days to ask for at a time.",
)
@click.option("--get", is_flag=True, help="Fetch by C-GET: nothing comes in by a port.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Receive on this port, without `pacs serve`."
)
@click.option(
    "--at-once",
    default=1,
    show_default=True,
    type=click.IntRange(1, 32),
    help="Studies that are under way together.",
)
@click.option(
    "--pause",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds between the beginnings of two studies, at least.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help="Instances a second, on average over the studies.",
)
@click.option(
    "--retries",
    default=3,
    show_default=True,
    type=click.IntRange(0),
    help="How often a study that failed is tried again.",
)
@click.option(
    "--delay",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds before the first of these tries; doubled for each further one, up to 5 minutes.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What became of each study.  [default: imports/PEER.jsonl in the data folder]",
)
@click.option("--again", is_flag=True, help="Also studies that are done by that file.")
@click.option("--list", "only_list", is_flag=True, help="Show the studies, take none.")
@archive_options
@json_option
@click.pass_context
def from_peer(
    context: click.Context,
    choice: ArchiveChoice,
    peer: str,
    uids: tuple[str, ...],
    file: Path | None,
    keys: tuple[tuple[str, str], ...],
    dates: DateRange | None,
    days: int,
    get: bool,
    port: int | None,
    at_once: int,
    pause: float,
    rate: float | None,
    retries: int,
    delay: float,
    state: Path | None,
    again: bool,
    only_list: bool,
    as_json: bool,
) -> None:
    """Take studies over from PEER, a name in [peers], and compare what came with what it has.

    PEER must know our AE title, and for C-MOVE where it listens: by default the running
    `pacs serve` receives. Interrupted, run it again: studies that are done are not asked for
    again, unless PEER has more of them by now. Exit code 0 when every study is here, else 1.

    \b
    Example:
        pacs import from OLD --config pacs.toml --date 20200101-20261231 --at-once 2 --rate 50
    """
    if get and port is not None:
        raise click.UsageError("--get receives on its own association: leave --port out")
    named = [*uids, *(_lines(file) if file is not None else [])]
    if named and (keys or dates):
        raise click.UsageError("name studies, or ask for them by --key and --date; not both")
    wanted = _Wanted(uids=named, keys=dict(keys), dates=dates, days=days)
    configured = choice.configured({"network": {"port": port}})
    address = _peer(configured, peer)
    with ExitStack() as stack:
        app = stack.enter_context(App(configured, listen=port is not None, feed=False))
        old = OldArchive(_caller(app, peer, address))
        found = list(wanted.studies(old))
        if only_list:
            _print_list(found, as_json=as_json)
            return
        if not get and port is None:
            _check_receiver(configured)
        place = state or configured.data / "imports" / f"{peer}.jsonl"
        ledger = stack.enter_context(Ledger(place))
        todo = [s for s in found if again or not ledger.is_done(s.uid, s.instances)]
        mover = Mover(
            peer=old,
            here=app.archive.lookup,
            transfer=_transfer(app, old, get=get),
            ledger=ledger,
            at_once=at_once,
            pace=Pace(pause=pause, rate=rate),
            retries=retries,
            delay=delay,
        )
        entries = list(progress(mover.run(todo), "taking over", total=len(todo)))
    unknown = [uid for uid in named if uid not in {study.uid for study in found}]
    _print(entries, before=len(found) - len(todo), unknown=unknown, as_json=as_json)
    if unknown or not all(entry.done for entry in entries):
        context.exit(1)


def _transfer(app: App, old: OldArchive, *, get: bool) -> Transfer:
    """How a study is made to come."""
    if not get:
        return lambda study: old.move(study.uid)
    services = app.archive.services

    def by_get(study: FoundStudy) -> Sent:
        classes = sorted({name for name in old.instances(study.uid).values() if name})
        return old.get(study.uid, classes, services)

    return by_get


def _peer(configured: Configured, name: str) -> PeerAddress:
    peers = configured.settings.peers
    found = peers.get(name)
    if found is None:
        known = ", ".join(sorted(peers)) or "none"
        raise ConfigurationError(
            f"no peer {name!r} is configured (known: {known}); write [peers.{name}] with aet, host "
            "and port"
        )
    return PeerAddress(aet=found.aet, host=found.host, port=found.port, tls=found.tls)


def _caller(app: App, name: str, address: PeerAddress) -> Call:
    """Calls the peer. What fails says which, and how: one that wants TLS only hangs up without."""
    way = "over TLS" if address.tls else "without TLS"

    def call(contexts: Sequence[ProposedContext], services: Router | None) -> Association:
        try:
            return app.call(address, contexts, services)
        except AssociationError as error:
            raise AssociationError(
                f"[peers.{name}] at {address.host}:{address.port}, {way}: {error}"
            ) from error

    return call


def _check_receiver(configured: Configured) -> None:
    """Raise where the peer would find nobody to send to."""
    if not ask(configured.data, "health"):
        raise ConfigurationError(
            f"no archive is running on {str(configured.data)!r} that could receive: start "
            "`pacs serve`, or give --port or --get"
        )


def _lines(file: Path) -> list[str]:
    return [line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()]


def _print_list(found: Sequence[FoundStudy], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(study) for study in found])
        return
    rows = [(s.uid, s.date, "" if s.instances is None else str(s.instances)) for s in found]
    print_table(("STUDY INSTANCE UID", "DATE", "INSTANCES"), rows)


def _print(entries: Sequence[Entry], *, before: int, unknown: Sequence[str], as_json: bool) -> None:
    counts = Counter("done" if entry.done else "failed" for entry in entries)
    if as_json:
        said = {"done": counts["done"], "failed": counts["failed"], "before": before}
        studies = [asdict(entry) for entry in entries]
        print_json({**said, "unknown": list(unknown), "studies": studies})
        return
    for uid in unknown:
        click.echo(f"{uid}: the peer does not have this study", err=True)
    for entry in entries:
        if not entry.done:
            click.echo(f"{entry.study}: {entry.error}", err=True)
    click.echo(
        f"{counts['done']} studies taken over, {before} done before, "
        f"{counts['failed'] + len(unknown)} failed"
    )
