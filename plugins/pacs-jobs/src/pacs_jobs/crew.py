"""The runs of this process, and what there is to write down of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from pacs_jobs.rows import InRun
from pacs_jobs.runs import Run, RunContext

if TYPE_CHECKING:
    from pacs_framework.jobs import JobKind
    from pacs_jobs.book import Round
    from pacs_jobs.saying import Line
    from pacs_jobs.taking import Claimed

__all__ = ["Crew"]


class Crew:
    """Used by one thread; ``changed`` is called from those of the runs."""

    def __init__(self, kinds: Mapping[str, JobKind], changed: Callable[[], None]) -> None:
        self._kinds = kinds
        self._changed = changed
        self._runs: list[Run] = []
        self._taken: list[tuple[RunContext, bool, list[Line]]] = []

    def __bool__(self) -> bool:
        return bool(self._runs)

    def begin(self, kind: str, claimed: Claimed) -> None:
        """Have jobs done in a thread of their own."""
        run = Run(self._kinds[kind], claimed, self._changed)
        self._runs.append(run)
        run.start()

    def room(self) -> dict[str, int]:
        """How many runs more of each kind there may be, where there may."""
        left = {name: kind.at_once for name, kind in self._kinds.items()}
        for run in self._runs:
            if not run.counted:  # its end is written before others begin, in one transaction
                left[run.kind.name] -= 1
        return {name: number for name, number in left.items() if number > 0}

    def contexts(self) -> Iterator[RunContext]:
        """Those of all jobs that are not written down as ended."""
        return (each for run in self._runs for each in run.contexts if not each.written)

    def runs(self) -> set[str]:
        """The names of runs that may have jobs still."""
        return {each.place.run for each in self.contexts()}

    # --- what to write --------------------------------------------------------------------------

    def has_news(self) -> bool:
        """Whether there is something to write down, if only with more of it."""
        return any(context.has_news for context in self.contexts())

    def collect(self, turn: Round, *, whole_runs: bool) -> None:
        """Put into ``turn`` what is to be written; then comes `written`, or `give_back`.

        With ``whole_runs`` the ends of jobs are left out whose run goes on: nobody waits for them,
        their lane and their place in the limits are taken until the last of them has ended.
        """
        turn.ends, turn.progress, turn.idle = [], {}, not self.runs()
        self._taken = []
        for run in self._runs:
            if run.over or not whole_runs:
                run.announced = False  # before its ends are read, so that none is missed
                self._collect(turn, run)
        turn.lines = [line for _, _, lines in self._taken for line in lines]

    def _collect(self, turn: Round, run: Run) -> None:
        for context in run.contexts:
            if context.written:
                continue
            ended, said = context.ended, context.taken_progress()
            if ended is not None:
                turn.ends.append(ended)
            elif said is not None:
                turn.progress[context.place] = said
            self._taken.append((context, said is not None, context.taken_lines()))

    def written(self, turn: Round) -> None:
        """``turn`` is committed."""
        self._taken = []
        ended = {InRun(each.number, each.run) for each in turn.ends}
        for each in self.contexts():
            each.written = each.place in ended

    def newly_over(self) -> list[str]:
        """The kind of each run that is over since the last time."""
        over = [run for run in self._runs if run.over and not run.counted]
        for run in over:
            run.counted = True
        self._runs = [run for run in self._runs if not (run.counted and run.is_written)]
        return [run.kind.name for run in over]

    def give_back(self) -> None:
        """It could not be written; it is collected again."""
        for context, said, lines in self._taken:
            context.give_back(lines, said=said)
        self._taken = []

    # --- ends -----------------------------------------------------------------------------------

    def cancel(self, places: Collection[InRun]) -> None:
        """Tell those jobs to end."""
        for context in self.contexts():
            if context.place in places:
                context.to_end("canceled")

    def lose(self, ours: Collection[InRun]) -> None:
        """Tell all but ``ours`` to end: another run has them by now."""
        for context in self.contexts():
            if context.ended is None and context.place not in ours:
                context.to_end("its lease was over, and the job was taken up again")

    def expire(self) -> float | None:
        """Tell those to end whose time is over; seconds until the next one's is."""
        for run in self._runs:
            if run.deadline is not None and run.deadline <= time.monotonic():
                run.expire()
        deadlines = [run.deadline for run in self._runs if run.deadline is not None]
        return min(deadlines) - time.monotonic() if deadlines else None

    def stop(self, seconds: float) -> list[Run]:
        """Tell all to end, and wait so long; those that have not."""
        deadline = time.monotonic() + seconds
        for run in self._runs:
            run.stop()
        return [run for run in self._runs if not run.join(max(0.0, deadline - time.monotonic()))]
