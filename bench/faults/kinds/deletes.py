"""``kill -9`` of a deletion: at any moment, and at each of its steps by name."""

from __future__ import annotations

import sys
import tempfile
from typing import ClassVar

from bench.faults import needs
from bench.faults.fault import Fault, NotMet, Round
from bench.faults.needs import Need
from bench.faults.processes import PACS, run_alone
from bench.faults.site import Setup

__all__ = ["faults"]

_INSTANCES = 12
_LONGEST = 0.6
_KILLED = -9


class KilledDeletion(Fault):
    """A study is deleted beside a running archive, and the command is killed; then once more.

    After the kill the study is there, all of it, or gone. The deletion that follows is told to
    have worked, so nothing of the study may ever come back.
    """

    def __init__(self, name: str, title: str, setup: Setup, *, times: int = 10) -> None:
        super().__init__(name, title, setup, times=times)

    def strike(self, round_: Round) -> None:
        """Store a study, begin to delete it, die, restart, look, delete it for good."""
        site = round_.site
        serving = round_.restarted()
        try:
            with site.load(serving, senders=1) as load:
                if not load.wait_for(_INSTANCES):
                    raise NotMet("the archive took nothing in")
            study = site.ledger.studies()[-1]
            site.ledger.deleting(study)
            self._kill(round_, self._command(study))
        finally:
            serving.kill()
        verdict = site.judged([study])
        if verdict.lost or verdict.wrong:
            raise AssertionError(f"after the kill: {verdict}")
        done = site.pacs(*self._command(study))
        if done.code and "nothing" not in done.errors.lower():
            raise AssertionError(f"the second deletion failed: {done}")
        site.ledger.deleted(study)

    def _kill(self, round_: Round, command: list[str]) -> None:
        """At any moment of it, or not at all where it is quicker."""
        site = round_.site
        with tempfile.TemporaryFile() as said:
            arguments = [*command, "--config", str(site.config)]
            process = site.nursery.start(PACS, arguments, out=said.fileno(), err=said.fileno())
            try:
                process.wait(round_.chance.uniform(0.05, _LONGEST))
            except TimeoutError:
                process.kill()

    @staticmethod
    def _command(study: str) -> list[str]:
        return ["delete", "--study", study, "--yes", "--reason", "the campaign"]


class KilledDeletionStep(KilledDeletion):
    """At one step: as the command is about to make one system call of many."""

    needs: ClassVar[tuple[Need, ...]] = (needs.strace,)

    def __init__(
        self, name: str, title: str, call: str, setup: Setup, *, path: str = "", most: int = 4
    ) -> None:
        super().__init__(name, title, setup, times=4)
        self._call = call
        self._path = path
        self._most = most

    def _kill(self, round_: Round, command: list[str]) -> None:
        site = round_.site
        number = round_.chance.randint(1, self._most)
        calls = self._call
        tracer = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"]
        tracer += ["-e", f"inject={calls}:signal=SIGKILL:when={number}"]
        if self._path:
            tracer += ["-P", str(site.data / self._path)]
        run = [sys.executable, "-m", "pacs_framework.cli", *command, "--config", str(site.config)]
        with tempfile.TemporaryFile() as said:
            process = run_alone(
                [*tracer, *run], out=said.fileno(), err=said.fileno(), environment={}
            )
            if process.wait() != _KILLED:
                raise NotMet("the deletion never came to this step")


def faults() -> list[Fault]:
    """For packs, files, and the object store."""
    log = "index.sqlite-wal"
    title = "kill -9 of pacs delete at any moment"
    packs, files = Setup(), Setup(storage="files")
    return [
        KilledDeletion("delete-packs", title, packs, times=30),
        KilledDeletion("delete-files", title, files, times=15),
        KilledDeletion("delete-s3", title, Setup(storage="s3"), times=10),
        KilledDeletion("delete-tiered", title, Setup(storage="tiered"), times=10),
        KilledDeletion("delete-postgresql", title, Setup(index="postgresql"), times=10),
        KilledDeletionStep(
            "delete-index", "delete: the index is written", "pwrite64", packs, path=log, most=20
        ),
        KilledDeletionStep(
            "delete-index-sync", "delete: the index is synced", "fdatasync", packs, path=log, most=1
        ),
        KilledDeletionStep("delete-hole", "delete: a record goes", "fallocate", packs, most=1),
        KilledDeletionStep("delete-unlink", "delete: a file goes", "unlinkat,unlink", files),
    ]
