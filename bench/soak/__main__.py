"""``python -m bench.soak``: mixed load on this archive, and what must hold afterwards.

python -m bench.soak [--minutes 10] [--workers N] [--seed N]
"""

from __future__ import annotations

import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from bench.client.process import ClientProcess
from bench.client.tasks import RECEIVER_AET, Address
from bench.procfs import Usage, usage
from bench.soak import load
from bench.soak.verdict import Quiet, leaks
from pacs_framework.testing.process import ServedArchive, served

_SAMPLE_SECONDS = 1.0
_SAY_EVERY = 10.0
# Seconds for each worker: by then it has opened what it keeps open, such as 128 folders.
_REHEARSAL = 15.0
_SETTLE = 3.0
_GB = 1e9


@dataclass(frozen=True, slots=True)
class _Plan:
    """Seconds of load and of rehearsal, bytes to fill at most, and the seed of the actors."""

    seconds: float
    rehearsal: float
    room: int
    seed: int


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0.1), default=10.0, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--room", type=float, default=8.0, show_default=True, help="GB to fill at most.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder for the archive's data.",
)
def main(minutes: float, workers: int, room: float, seed: int, scratch: Path | None) -> None:
    """Store, find, move, cancel, abort, babble and dawdle; exit 1 when anything is wrong."""
    console = Console(highlight=False, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="pacs-soak-", dir=scratch))
    try:
        with ClientProcess() as client, _archive(client, folder, workers) as archive:
            plan = _Plan(minutes * 60, _REHEARSAL * workers, int(room * _GB), seed)
            wrong = _soak(console, client, archive, plan)
            code = archive.stop()
            if code:
                wrong.append(f"the archive ended with exit code {code}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for each in wrong:
        console.print(f"[red]wrong[/]: {each}", markup=True)
    console.print("[green]all is as it should be[/]" if not wrong else f"{len(wrong)} complaints")
    sys.exit(bool(wrong))


@contextmanager
def _archive(client: ClientProcess, folder: Path, workers: int) -> Iterator[ServedArchive]:
    port = client.run(load.receive)
    config = f'[peers.receiver]\naet = "{RECEIVER_AET}"\nhost = "127.0.0.1"\nport = {port}\n'
    options = ["--workers", str(workers), "--log-level", "warning"]
    with served(folder, config=config, options=options) as archive:
        yield archive


def _soak(
    console: Console, client: ClientProcess, archive: ServedArchive, plan: _Plan
) -> list[str]:
    """The load, and everything that is wrong after it."""
    address = Address(archive.host, archive.port, archive.aet)
    pid, run = archive.process.pid, secrets.token_hex(8)
    console.print(f"archive on port {archive.port}; rehearsal of {plan.rehearsal:.0f} s")
    wrong = list(client.run(load.rehearse, address, run, plan.rehearsal, plan.seed).complaints)
    time.sleep(_SETTLE)
    before = usage(pid)
    client.run(load.begin, address, run, plan.room, plan.seed)
    samples = list(_watch(console, client, pid, plan.seconds))
    played = client.run(load.end)
    time.sleep(_SETTLE)
    quiet = Quiet(before, usage(pid))
    console.print(f"scenes: {', '.join(f'{k} {n:,}' for k, n in played.scenes.items())}")
    console.print(
        f"{played.instances:,} instances, {played.size / _GB:.2f} GB; "
        f"quiet before: {_told(before)}; after: {_told(quiet.after)}"
    )
    wrong += played.complaints
    wrong += leaks(quiet, [sample.resident for sample in samples])
    console.print("asking for everything that was acknowledged …")
    wrong += [f"lost: {uid}" for uid in client.run(load.compare)]
    console.print("pacs verify …")
    verified = archive.command("verify", "--json")
    if verified.returncode:
        wrong.append(f"pacs verify: {(verified.stdout + verified.stderr).strip()[-1000:]}")
    return wrong


def _watch(console: Console, client: ClientProcess, pid: int, seconds: float) -> Iterator[Usage]:
    """A sample a second, and a line now and then."""
    start = time.monotonic()
    told = start
    while (now := time.monotonic()) < start + seconds:
        time.sleep(_SAMPLE_SECONDS)
        sample = usage(pid)
        yield sample
        if now - told >= _SAY_EVERY:
            told = now
            done = client.run(load.progress)
            console.print(
                f"{now - start:5.0f} of {seconds:.0f} s  {done.instances:>8,} instances  "
                f"{_told(sample)}  {done.complaint_count} complaints"
            )


def _told(sample: Usage) -> str:
    return (
        f"{sample.resident / 1e6:.0f} MB, {sample.threads} threads, "
        f"{sample.descriptors} descriptors"
    )


if __name__ == "__main__":
    main()
