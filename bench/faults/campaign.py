"""Fault after fault, each on an archive of its own; the judge in between and at the end."""

from __future__ import annotations

import random
import shutil
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.faults.fault import Fault, NotMet, Round
from bench.faults.judge import Verdict
from bench.faults.processes import Nursery
from bench.faults.results import Row
from bench.faults.site import Site

__all__ = ["Campaign"]

Progress = Callable[[Row, int], None]
"""Told after each time: the row so far, and of how many times."""


def _nobody(_row: Row, _of: int) -> None:
    """Nobody watches."""


@dataclass
class Campaign:
    """``times`` says how often a fault happens, where it does not say so itself; ``seed`` is that
    of all dice. Archives of faults that did harm stay in ``scratch``.
    """

    nursery: Nursery
    scratch: Path
    seed: int = 1
    times: int | None = None
    short: bool = False
    progress: Progress = _nobody

    def run(self, faults: Iterable[Fault]) -> Iterator[Row]:
        """A row for each, as soon as it is known."""
        for fault in faults:
            row = Row(name=fault.name, title=fault.title, setup=str(fault.setup))
            row.skipped = fault.missing()
            started = time.monotonic()
            if not row.skipped:
                self._run(fault, row)
            row.seconds = time.monotonic() - started
            yield row

    def _of(self, fault: Fault) -> int:
        if self.times is not None:
            return self.times
        return fault.few if self.short else fault.times

    def _run(self, fault: Fault, row: Row) -> None:
        folder = fault.folder(self.scratch)
        try:
            with fault.site(Site(fault.setup, folder, self.nursery, self.seed)) as site:
                try:
                    self._happen(fault, site, row)
                finally:
                    row.acknowledged = site.ledger.acknowledged
                    if not row.good and site.log.exists():
                        shutil.copy(site.log, self.scratch / f"{fault.name}.log")
        except Exception:  # noqa: BLE001 - a fault that ends otherwise than it should is a finding
            row.wrong.append(traceback.format_exc(limit=-6))
        if row.good:
            shutil.rmtree(folder, ignore_errors=True)

    def _happen(self, fault: Fault, site: Site, row: Row) -> None:
        chance = random.Random(f"{self.seed}-{fault.name}")
        times, judged = self._of(fault), 0
        for number in range(1, times + 1):
            round_ = Round(site, chance)
            try:
                fault.strike(round_)
                row.times += 1
            except NotMet as why:
                row.not_met.append(str(why))
            row.recovered += round_.recovered
            row.refused += round_.refused
            row.broken += round_.broken
            if number % fault.judged_every == 0 and number < times:
                studies = site.ledger.studies()
                self._note(row, site.judged(studies[judged:]))
                judged = len(studies)
            self.progress(row, times)
            if not row.good:
                return
        self._note(row, site.judged(sweeping=fault.orphans))
        if times and not row.times:
            row.wrong.append(f"the fault never happened: {row.not_met[-1]}")

    @staticmethod
    def _note(row: Row, verdict: Verdict) -> None:
        row.lost += sorted(verdict.lost)
        row.wrong += verdict.wrong
