"""One run of the bench: the families of rows, one after the other, into one result."""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench import fill, machine
from bench.client import tasks
from bench.client.process import ClientProcess
from bench.peers import PEERS, Destinations, Peer
from bench.peers.filled import SIZES, filled_peers
from bench.results import Run
from bench.rows import AI, CODECS, FAMILIES, FIND, HOOKS, JOBS, MPPS, PRINT, WORKLIST, Family
from bench.rows.ai import measure_ai
from bench.rows.base import Bench, Row
from bench.rows.codecs import CODEC_ROWS, measure_codecs
from bench.rows.hooks import measure_hooks
from bench.rows.jobs import measure_jobs
from bench.rows.mpps import measure_mpps
from bench.rows.print_sessions import measure_sessions
from bench.rows.printing import measure_films
from bench.rows.query import query_rows
from bench.rows.stock import MOVE_AET
from bench.rows.worklist import measure_worklist
from bench.runner import Runner
from pacs_framework.testing.sockets import free_port

__all__ = ["Wanted", "measure"]

_SAY_EVERY = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to measure: ``rows`` are names of rows or families; empty means all."""

    quick: bool = False
    rows: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()

    def takes(self, *names: str) -> bool:
        """Whether one of ``names`` is asked for."""
        return not self.rows or any(name in self.rows for name in names)


def measure(console: Console, wanted: Wanted, target: Path, scratch: Path | None) -> Run:
    """Measure, and keep in ``target`` after each row: an interrupted run is not lost."""
    start = time.monotonic()
    run = _empty_run(wanted)
    for name, reason in run.missing.items():
        console.print(f"[yellow]{name} is missing[/]: {reason}", highlight=False)
    with _bench(console, wanted.quick, scratch) as (bench, runner):
        session = _Session(console, bench, runner, run, wanted, target)
        for family in FAMILIES:
            session.family(family)
        session.hooks()
        session.worklist()
        session.mpps()
        session.jobs()
        session.ai()
        session.printing()
        session.codecs()
        session.find()
        session.keep(start)
    return run


def _empty_run(wanted: Wanted) -> Run:
    chosen = wanted.peers
    selected = {name: kind for name, kind in PEERS.items() if not chosen or name in chosen}
    return Run(
        started=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        quick=wanted.quick,
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


@dataclass(frozen=True, slots=True)
class _Session:
    console: Console
    bench: Bench
    runner: Runner
    run: Run
    wanted: Wanted
    target: Path

    def keep(self, start: float) -> None:
        """Write everything once more, with the time that it took."""
        self.run.seconds = time.monotonic() - start
        self.run.save(self.target)

    def family(self, family: Family) -> None:
        """Measure the rows of one family that are asked for."""
        rows = [row for row in family.rows if self._takes(family, row)]
        if not rows:
            return
        self.console.print(f"[bold]{family.name}[/]")
        for result in self.runner.run(rows, PEERS, self.wanted.peers):
            self.run.results.append(result)
            self.run.save(self.target)

    def _takes(self, family: Family, row: Row) -> bool:
        """A row that is asked for by name is taken in a quick run too."""
        if self.bench.quick and not row.in_quick:
            return row.name in self.wanted.rows
        return self.wanted.takes(family.name, row.name)

    def hooks(self) -> None:
        """No peer takes part."""
        if self.wanted.takes(HOOKS):
            self.console.print(f"[bold]{HOOKS}[/]")
            self.run.results.append(measure_hooks())

    def worklist(self) -> None:
        """No peer takes part: wlmscpfs reads every file for every query."""
        if self.wanted.takes(WORKLIST):
            self.console.print(f"[bold]{WORKLIST}[/]")
            self.run.results.append(measure_worklist())

    def mpps(self) -> None:
        """No peer takes part: none of those here takes performed procedure steps."""
        if self.wanted.takes(MPPS):
            self.console.print(f"[bold]{MPPS}[/]")
            self.run.results += measure_mpps()

    def jobs(self) -> None:
        """No peer takes part: those here have no queue for work of others."""
        if self.wanted.takes(JOBS):
            self.console.print(f"[bold]{JOBS}[/]")
            self.run.results += measure_jobs()

    def ai(self) -> None:
        """No peer takes part: those here run no models."""
        if self.wanted.takes(AI):
            self.console.print(f"[bold]{AI}[/]")
            self.run.results.append(measure_ai())

    def printing(self) -> None:
        """No peer takes part: none of those here draws a film."""
        if self.wanted.takes(PRINT):
            self.console.print(f"[bold]{PRINT}[/]")
            self.run.results += measure_films()
            self.run.results += measure_sessions()

    def codecs(self) -> None:
        """No peer takes part either, but libraries and tools."""
        wanted = [name for name in CODEC_ROWS if self.wanted.takes(CODECS, name)]
        if not wanted:
            return
        self.console.print(f"[bold]{CODECS}[/]")
        bench = self.bench
        measured = measure_codecs(wanted, quick=bench.quick, scratch=bench.scratch, say=bench.say)
        for result in measured:
            self.run.results.append(result)
            self.run.save(self.target)

    def find(self) -> None:
        """Over indexes of several sizes, which are filled first."""
        names = [row.name for row in query_rows(()) if self.wanted.takes(FIND, row.name)]
        if not names:
            return
        self.console.print(f"[bold]{FIND}[/]")
        kinds = self._filled()
        rows = [row for row in query_rows(tuple(kinds)) if row.name in names]
        for result in self.runner.run(rows, kinds):
            self.run.results.append(result)
            self.run.save(self.target)

    def _filled(self) -> dict[str, type[Peer]]:
        """The archives of each size; a quick run has no PostgreSQL, and fills no largest one."""
        sizes = {}
        for studies in SIZES:
            if self.bench.quick and studies > SIZES[1] and not fill.is_cached(studies):
                self.bench.say(f"{studies:,} studies are left to a full run")
                continue
            sizes[studies] = fill.filled_index(studies, _progress(self.bench))
        kinds: dict[str, type[Peer]] = {}
        for kind in filled_peers(sizes):
            if self._leaves_out(kind.name):
                continue
            if reason := kind.missing():
                self.run.missing[kind.name] = reason
                self.bench.say(f"{kind.name} is missing: {reason}")
                continue
            kinds[kind.name] = kind
            self.run.peers[kind.name] = _facts(kind)
        return kinds

    def _leaves_out(self, name: str) -> bool:
        chosen = self.wanted.peers
        other = bool(chosen) and not any(name.startswith(each) for each in chosen)
        return other or (self.bench.quick and name.startswith("ours-pg"))


def _progress(bench: Bench) -> fill.Progress:
    """A line now and then."""
    told = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > _SAY_EVERY:
            told = time.monotonic()
            bench.say(f"filling an index: {done:,} of {total:,} studies")

    return show
