"""An archive under test: what it is made of, and how it is started, killed and looked at."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.faults import needs
from bench.faults.judge import Verdict, judge_at_rest, judge_over_the_wire
from bench.faults.ledger import Ledger
from bench.faults.load import Address, Load, Studies
from bench.faults.needs import Need
from bench.faults.postgres import CutPostgres
from bench.faults.processes import (
    PACS,
    Done,
    Nursery,
    Process,
    listening_address,
    run_alone,
)
from bench.faults.store_proxy import StoreProxy
from pacs_framework.testing.postgres import PrivatePostgres
from pacs_storage_s3.serving import PrivateS3

__all__ = ["Serving", "Setup", "Site"]

_STOP_SECONDS = 60.0
_RECOVERY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What an archive is made of.

    ``storage`` is ``packs``, ``files`` (no packs), ``s3`` or ``tiered`` (two folders, one of which
    suffices); ``index`` is ``sqlite`` or ``postgresql``; ``more`` is TOML for the configuration.
    """

    index: str = "sqlite"
    storage: str = "packs"
    workers: int = 1
    more: str = ""

    def __str__(self) -> str:
        return f"{self.storage} · {self.index} · {self.workers}"

    def needs(self) -> Iterator[Need]:
        """What it needs of the machine."""
        if self.index == "postgresql":
            yield needs.postgres
        if self.storage == "s3":
            yield needs.s3


@dataclass
class Serving:
    """An archive that runs: where it listens, and its process."""

    address: Address
    process: Process

    @property
    def pids(self) -> list[int]:
        """The processes that associations go to: the workers, or the only one."""
        pid = self.process.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:  # it has ended
            return [pid]
        return [int(child) for child in children if _is_worker(child)] or [pid]

    def kill(self) -> None:
        """All of it at once: the supervisor first, so that it starts no new workers."""
        pids = self.pids
        self.process.kill()
        for pid in pids:
            if pid != self.process.pid:
                _kill_and_wait(pid)

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        os.kill(self.process.pid, signal.SIGTERM)
        return self.process.wait(_STOP_SECONDS)


def _is_worker(pid: str) -> bool:
    try:
        return b"--worker-socket" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _kill_and_wait(pid: int) -> None:
    """Of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        os.waitid(os.P_PIDFD, descriptor, os.WEXITED)
    except (ProcessLookupError, ChildProcessError):
        pass
    finally:
        os.close(descriptor)


@dataclass
class Site:
    """One archive in ``folder`` with its database and its store; a context manager.

    ``postgres`` and ``store`` stand between the archive and its database and store, and let
    through, hold back or cut what goes there. They are None where the setup has none.
    """

    setup: Setup
    folder: Path
    nursery: Nursery
    seed: int
    ledger: Ledger = field(default_factory=Ledger)
    postgres: CutPostgres | None = None
    server: PrivatePostgres | None = None
    store: StoreProxy | None = None
    s3: PrivateS3 | None = None
    _own: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self.studies = Studies(f"{self.seed}-{self.folder.name}", random.Random(self.seed))
        self.disk.mkdir(parents=True, exist_ok=True)
        try:
            self._make()
        except BaseException:
            self._own.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._own.close()

    @property
    def data(self) -> Path:
        """The archive's data folder."""
        return self.disk / "data"

    @property
    def disk(self) -> Path:
        """What the archive keeps is below, and nothing else: a fault may mount something here."""
        return self.folder / "disk"

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.folder / "pacs.toml"

    @property
    def log(self) -> Path:
        """What all its processes have logged."""
        return self.folder / "log.txt"

    def start(
        self,
        *,
        wrap: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        config: Path | None = None,
    ) -> Serving:
        """``pacs serve``, up and listening; behind ``wrap`` it is a process of its own."""
        arguments = ["serve", "--config", str(config or self.config), "--port", "0"]
        arguments += ["--workers", str(self.setup.workers), "--log-level", "warning"]
        output, theirs = os.pipe()
        with self.log.open("ab") as log:
            process: Process
            if wrap or environment:
                command = [*wrap, sys.executable, "-m", "pacs_framework.cli", *arguments]
                process = run_alone(
                    command, out=theirs, err=log.fileno(), environment=environment or {}
                )
            else:
                process = self.nursery.start(PACS, arguments, out=theirs, err=log.fileno())
        os.close(theirs)
        try:
            return Serving(listening_address(output, self.log), process)
        except RuntimeError:
            process.kill()
            raise

    def start_and_kill(self, seconds: float) -> None:
        """Kill it so soon after its start that it is still recovering, or has just begun."""
        arguments = ["serve", "--config", str(self.config), "--port", "0", "--log-level", "warning"]
        with self.log.open("ab") as log, Path(os.devnull).open("wb") as output:
            process = self.nursery.start(PACS, arguments, out=output.fileno(), err=log.fileno())
        try:
            process.wait(seconds)
        except TimeoutError:
            process.kill()

    def load(self, serving: Serving, *, senders: int = 4, **how: float | bool) -> Load:
        """Senders for an archive that runs."""
        return Load(serving.address, self.ledger, self.studies, senders=senders, **how)  # type: ignore[arg-type]

    def pacs(self, *arguments: str, seconds: float = 600.0) -> Done:
        """Run another command on it."""
        return self.nursery.run(PACS, *arguments, "--config", str(self.config), seconds=seconds)

    def recovered_in(self, since: float, serving: Serving) -> float:
        """Seconds from ``since`` until an instance is acknowledged. Raises TimeoutError."""
        with self.load(serving, senders=1, large=False) as load:
            if not load.wait_for(1, _RECOVERY_SECONDS):
                raise TimeoutError(f"no instance was acknowledged in {_RECOVERY_SECONDS:g} s")
            return load.last_success - since

    def judged(self, studies: Sequence[str] | None = None, *, sweeping: bool = False) -> Verdict:
        """Start it, ask for everything (or for ``studies``), stop it, look at what it holds."""
        serving = self.start()
        try:
            asked = self.ledger.studies() if studies is None else studies
            verdict = judge_over_the_wire(serving.address, self.ledger, asked)
            code = serving.stop()
        except BaseException:
            serving.kill()
            raise
        if code:
            verdict.wrong.append(f"pacs serve ended with exit code {code}")
        if studies is None:
            config = str(self.config)
            verdict.add(judge_at_rest(self.nursery, config, self.ledger, sweeping=sweeping))
            verdict.wrong += self._leftovers()
        return verdict

    def _leftovers(self) -> list[str]:
        """What a clean stop must not leave: staged and half-written files, journals."""
        if not self.data.exists():
            return []
        found = [p for p in self.data.rglob("*") if ".incoming" in p.parts and p.is_file()]
        for name in ("staging", "journal"):
            found += (self.data / name).glob("*")
        return [f"left behind: {path.relative_to(self.data)}" for path in found]

    def _make(self) -> None:
        text = f'[archive]\ndata = "{self.data}"\nduplicates = "replace"\n'
        if self.setup.index == "postgresql":
            self.server = self._own.enter_context(PrivatePostgres())
            self.postgres = self._own.enter_context(CutPostgres(self.server, self.folder / "pg"))
            text += f'[index]\nurl = "{self.postgres.url}"\n'
        text += getattr(self, f"_{self.setup.storage}")()
        self.config.write_text(text + self.setup.more)

    def _packs(self) -> str:
        return '[plugin.storage-filesystem]\nreserve = "1 MiB"\n'

    def _files(self) -> str:
        return '[plugin.storage-filesystem]\nreserve = "1 MiB"\npack_below = 0\n'

    def _s3(self) -> str:
        self.s3 = self._own.enter_context(PrivateS3())
        self.store = self._own.enter_context(StoreProxy(self.s3.endpoint))
        return (
            '[storage]\nurl = "s3://pacs/x"\n[plugin.storage-s3]\nbudget = 5\n'
            f'endpoint = "{self.store.endpoint}"\nstate = "{self.folder / "s3-state"}"\n'
            f'credentials_file = "{self.s3.credentials_file}"\n'
        )

    def _tiered(self) -> str:
        places = ", ".join(f'{name} = "file://{self.disk / name}"' for name in ("one", "two"))
        return (
            '[storage]\nurl = "tiered:"\n[[plugin.storage-tiered.tiers]]\nname = "hot"\n'
            f"places = {{ {places} }}\nquorum = 1\n{self._packs()}"
        )
