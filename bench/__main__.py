"""``python -m bench``: measure this archive beside its peers.

python -m bench [--quick] [--rows small,echo] [--peers ours,orthanc] [--json FILE] [--plot FILE]
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import structlog
from rich.console import Console

from bench import fill, machine
from bench.client import tasks
from bench.client.process import ClientProcess
from bench.packages import install_peers
from bench.peers import PEERS, Destinations, Peer
from bench.peers.filled import SIZES, filled_peers
from bench.plot import svg
from bench.report import markdown, print_report
from bench.results import Run
from bench.rows import FAMILIES, FIND, HOOKS, Family, family_names
from bench.rows.base import Bench
from bench.rows.hooks import measure_hooks
from bench.rows.query import query_rows
from bench.rows.stock import MOVE_AET
from bench.runner import Runner
from pacs_framework.testing.sockets import free_port

_RESULTS = Path(__file__).parent / "results"


def _names(_: object, __: object, value: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (value or "").split(",") if part.strip())


@click.command()
@click.option("--quick", is_flag=True, help="Fewer repetitions and sizes: five minutes.")
@click.option("--rows", callback=_names, help="Rows or families to measure, with commas.")
@click.option("--peers", callback=_names, help="Peers to measure, with commas.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to keep it all.")
@click.option("--plot", type=click.Path(path_type=Path), help="SVG of the ratios to write.")
@click.option("--markdown", "page", type=click.Path(path_type=Path), help="Tables to write.")
@click.option("--from", "earlier", type=click.Path(path_type=Path, exists=True))
@click.option("--install", is_flag=True, help="Install the peers first, with apt-get.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder for the peers' data.")
def main(
    quick: bool,
    rows: tuple[str, ...],
    peers: tuple[str, ...],
    json_file: Path | None,
    plot: Path | None,
    page: Path | None,
    earlier: Path | None,
    install: bool,
    scratch: Path | None,
) -> None:
    """Measure this archive beside Orthanc, DCMTK and pynetdicom.

    With --from FILE nothing is measured: the report is made from an earlier JSON file.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console(width=None if sys.stdout.isatty() else 180)
    if earlier is not None:
        run = Run.load(earlier)
    else:
        _check(rows, peers)
        if install:
            install_peers(console.print)
        target = json_file or _RESULTS / f"{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}.json"
        run = _measure(console, target, quick, rows, peers, scratch)
    print_report(run, console)
    if plot is not None:
        plot.write_text(svg(run), "utf-8")
    if page is not None:
        page.write_text(markdown(run), "utf-8")


def _check(rows: tuple[str, ...], peers: tuple[str, ...]) -> None:
    known = {*family_names(), *(row.name for family in FAMILIES for row in family.rows)}
    known |= {row.name for row in query_rows(())}
    for name in rows:
        if name not in known:
            raise click.BadParameter(f"{name!r} is none of {', '.join(sorted(known))}")
    for name in peers:
        if name not in PEERS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(PEERS)}")


def _measure(
    console: Console,
    target: Path,
    quick: bool,
    rows: tuple[str, ...],
    chosen: tuple[str, ...],
    scratch: Path | None,
) -> Run:
    """Measure, and keep after each row what there is: an interrupted run is not lost."""
    start = time.monotonic()
    run = _empty_run(quick, chosen)
    for name, reason in run.missing.items():
        console.print(f"[yellow]{name} is missing[/]: {reason}", highlight=False)
    with _bench(console, quick, scratch) as (bench, runner):
        for family in FAMILIES:
            _measure_family(console, bench, runner, run, family, rows, chosen, target)
        if not rows or HOOKS in rows:
            run.results.append(measure_hooks())
        wanted = [row.name for row in query_rows(()) if row.name in rows]
        if not rows or FIND in rows or wanted:
            _measure_find(console, bench, runner, run, tuple(wanted), chosen)
    run.seconds = time.monotonic() - start
    run.save(target)
    console.print(f"\nall samples are in {target}\n", highlight=False)
    return run


def _empty_run(quick: bool, chosen: tuple[str, ...]) -> Run:
    selected = {name: kind for name, kind in PEERS.items() if not chosen or name in chosen}
    return Run(
        started=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        quick=quick,
        machine=machine.describe(),
        peers={name: _facts(kind) for name, kind in selected.items() if not kind.missing()},
        missing={name: why for name, kind in selected.items() if (why := kind.missing())},
    )


def _facts(kind: type[Peer]) -> dict[str, str]:
    return {
        "title": kind.title,
        "version": kind.version(),
        "settings": kind.settings(),
        "durability": kind.durability,
    }


@contextmanager
def _bench(console: Console, quick: bool, scratch: Path | None) -> Iterator[tuple[Bench, Runner]]:
    """A client process, and a folder that is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="pacs-bench-", dir=scratch))
    try:
        with ClientProcess() as client:
            ports = {tasks.RECEIVER_AET: client.run(tasks.receiver_port), MOVE_AET: free_port()}
            bench = Bench(
                client=client,
                quick=quick,
                run=secrets.token_hex(8),
                scratch=folder,
                say=lambda text: console.print(f"  {text}", highlight=False),
            )
            yield bench, Runner(bench, Destinations(ports), console)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure_family(
    console: Console,
    bench: Bench,
    runner: Runner,
    run: Run,
    family: Family,
    rows: tuple[str, ...],
    chosen: tuple[str, ...],
    target: Path,
) -> None:
    whole = not rows or family.name in rows
    wanted = [row for row in family.rows if whole or row.name in rows]
    if not wanted:
        return
    console.print(f"[bold]{family.name}[/]")
    for result in runner.run(wanted, PEERS, chosen):
        run.results.append(result)
        run.save(target)


def _measure_find(
    console: Console,
    bench: Bench,
    runner: Runner,
    run: Run,
    wanted: tuple[str, ...],
    chosen: tuple[str, ...],
) -> None:
    """Fill what is not filled yet; a quick run takes the largest size only where it is cached."""
    console.print("[bold]find[/]")
    sizes = {}
    for studies in SIZES:
        if bench.quick and studies > SIZES[1] and not fill.is_cached(studies):
            console.print(f"  {studies:,} studies are left to a full run", highlight=False)
            continue
        sizes[studies] = fill.filled_index(studies, _progress(console))
    kinds: dict[str, type[Peer]] = {kind.name: kind for kind in filled_peers(sizes)}
    if chosen and "orthanc" not in chosen:
        kinds = {name: kind for name, kind in kinds.items() if not name.startswith("orthanc")}
    if bench.quick:
        kinds = {name: kind for name, kind in kinds.items() if not name.startswith("ours-pg")}
    rows = [row for row in query_rows(tuple(kinds)) if not wanted or row.name in wanted]
    for name, kind in kinds.items():
        if reason := kind.missing():
            run.missing[name] = reason
        else:
            run.peers[name] = _facts(kind)
    run.results.extend(runner.run(rows, kinds))


def _progress(console: Console) -> fill.Progress:
    """A line now and then."""
    told = [time.monotonic()]

    def show(done: int, total: int) -> None:
        if done == total or time.monotonic() - told[0] > 10:
            told[0] = time.monotonic()
            console.print(f"  filling an index: {done:,} of {total:,} studies", highlight=False)

    return show


if __name__ == "__main__":
    main()
