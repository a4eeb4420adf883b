"""Time budgets: whoever waits for a plugin can walk away.

A thread cannot be ended from outside. So what has a budget runs in a helper thread, and the thread
that wants the answer waits for it no longer than the budget of the call under way. There is one
hand-over for a whole chain of plugins, not one for each. A call that was given up on runs on until
it returns; then its thread calls no further plugin, and its answer is dropped.
"""

from __future__ import annotations

from _thread import allocate_lock
from contextvars import ContextVar, copy_context
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pacs_framework.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Budgeted", "GivenUp", "Helpers", "Overrun", "Watch"]

_MOST_IDLE = 32  # threads that wait for the next job
_IDLE_SECONDS = 60.0  # after which a thread that nobody needs ends
_LEAST_WAIT = 0.001  # seconds


class GivenUp(BaseException):  # not an Exception: a handler for those of plugins must not take it
    """Raised in a helper thread: nobody waits for it any more."""


class Budgeted(Protocol):
    """Something that a plugin does, and the seconds it may take; 0 is no limit."""

    limit: float

    def gave_up(self) -> None:
        """Its time is over and nobody waits for it any more."""

    def came_back(self) -> None:
        """It was given up on, and has ended now."""


class Overrun(PluginError):
    """``task`` took longer than it may."""

    def __init__(self, task: Budgeted) -> None:
        super().__init__(f"took longer than {task.limit:g} s")
        self.task = task


_under_way: ContextVar[Watch | None] = ContextVar("pacs_under_way", default=None)
_T = TypeVar("_T")

_NOTHING: tuple[Budgeted | None, float] = (None, 0.0)  # task and its deadline, 0 for none


class Watch:
    """What one thread is doing with plugins, seen by the one that waits for it.

    ``depth`` counts from 1, with the watches around this one: a hook that calls back into the
    archive may end up in the same hook.
    """

    __slots__ = ("_given_up", "_left", "_lock", "_outer", "_under_way", "depth")

    def __init__(self) -> None:
        self._lock = Lock()
        self._outer = outer = _under_way.get()
        self._under_way = _NOTHING
        self._left: Budgeted | None = None
        self._given_up = False
        self.depth: int = 1 if outer is None else outer.depth + 1

    def begin(self, task: Budgeted) -> None:
        """``task`` begins now; raises `GivenUp` where nobody waits any more."""
        if self._given_up:
            raise GivenUp
        # One step, and so no lock: who looks meanwhile sees the task with its deadline, or none.
        self._under_way = (task, monotonic() + task.limit if task.limit else 0.0)

    def end(self) -> None:
        """The task that began last has ended. Raises `GivenUp` where nobody waits any more."""
        with self._lock:
            self._under_way = _NOTHING
            if not self._given_up:
                return
            left, self._left = self._left, None
        if left is not None:
            left.came_back()
        raise GivenUp

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for this any more, or for what is around it."""
        return self._given_up or (self._outer is not None and self._outer.abandoned)

    def give_up_overdue(self) -> Budgeted | None:
        """Stop waiting if the time of the task under way is over; that task, if it is so."""
        with self._lock:
            deadline = self._under_way[1]
            late = deadline and monotonic() >= deadline
            return self._leave() if late else None

    def give_up(self) -> None:
        """Stop waiting, whatever is under way."""
        with self._lock:
            self._leave()

    def time_left(self) -> float:
        """Seconds until the task under way is overdue; 0 where it has no limit, or none is."""
        deadline = self._under_way[1]
        return max(_LEAST_WAIT, deadline - monotonic()) if deadline else 0.0

    def run(self, work: Callable[[Watch], _T]) -> _T:
        """Do ``work`` in this thread, as what it has under way."""
        token = _under_way.set(self)
        try:
            return work(self)
        finally:
            _under_way.reset(token)

    def _leave(self) -> Budgeted | None:
        self._given_up = True
        self._left = self._under_way[0]
        if self._left is not None:
            self._left.gave_up()
        return self._left


class Helpers:
    """The helper threads of one set of plugins: as many as wait for plugins at one time.

    A thread that has nothing to do waits for the next job, without looking again and again, and
    ends after a minute. Safe to use from many threads.
    """

    def __init__(self) -> None:
        self._idle: list[_Helper] = []
        self._lock = Lock()
        self._closed = False

    def answer(self, watch: Watch, work: Callable[[Watch], _T], *, patience: float) -> _T:
        """What ``work`` returns in a thread of its own; its exceptions are raised here.

        Raises `Overrun` as soon as a task that ``work`` begins has run over its time; ``patience``
        is the shortest limit among them, in seconds.
        """
        job = _Job(watch, work)
        self._start(job)
        try:
            late = _late(job, watch, patience)
        except BaseException:  # the waiting was interrupted
            watch.give_up()
            raise
        if late is not None:
            raise Overrun(late)
        return job.outcome()

    def outlast(
        self,
        watch: Watch,
        work: Callable[[Watch], _T],
        *,
        limit: float,
        overdue: Callable[[], None],
    ) -> _T:
        """The same for work that is waited for in any case: ``overdue`` is called after ``limit``
        seconds, once.
        """
        job = _Job(watch, work)
        self._start(job)
        if not job.done.acquire(timeout=limit):
            overdue()
            job.done.acquire()
        return job.outcome()

    def close(self) -> None:
        """Let the threads end that have nothing to do; the others do when they are done."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for helper in idle:
            helper.take(None)

    def _start(self, job: _Job[Any]) -> None:
        with self._lock:
            helper = self._idle.pop() if self._idle else None
        if helper is None:
            helper = _Helper(self)
            helper.take(job)
            helper.start()
        else:
            helper.take(job)

    def rest(self, helper: _Helper) -> bool:
        """Note that ``helper`` can take a job; False when it is to end instead."""
        with self._lock:
            if self._closed or len(self._idle) >= _MOST_IDLE:
                return False
            self._idle.append(helper)
            return True

    def dismiss(self, helper: _Helper) -> bool:
        """Let ``helper`` end; False when it has just been given a job."""
        with self._lock:
            if helper not in self._idle:
                return False
            self._idle.remove(helper)
            return True


def _late(job: _Job[Any], watch: Watch, patience: float) -> Budgeted | None:
    """Wait until ``job`` is done, or a task of it has been given up on: then that."""
    wait = patience
    while not job.done.acquire(timeout=wait):
        late = watch.give_up_overdue()
        if late is not None:
            return late
        wait = watch.time_left() or patience
    return None


class _Job(Generic[_T]):
    """Work for a helper, and what came of it; it sees the context of the one who wants it."""

    __slots__ = ("_context", "_error", "_result", "_watch", "_work", "done")

    def __init__(self, watch: Watch, work: Callable[[Watch], _T]) -> None:
        self._watch = watch
        self._work = work
        self._context = copy_context()
        self._result: Any = None
        self._error: BaseException | None = None
        self.done = allocate_lock()
        self.done.acquire()

    def run(self) -> None:
        try:
            self._result = self._context.run(self._watch.run, self._work)
        except GivenUp:
            pass  # and nobody will ask
        except BaseException as error:  # noqa: BLE001 - raised again, in the thread that waits
            self._error = error

    def outcome(self) -> _T:
        error, self._error = self._error, None
        if error is None:
            result: _T = self._result
            return result
        try:
            raise error
        finally:
            del error  # its traceback holds this frame


class _Helper(Thread):
    """A thread that does one job after another."""

    def __init__(self, helpers: Helpers) -> None:
        super().__init__(name="plugin-helper", daemon=True)
        self._helpers = helpers
        self._job: _Job[Any] | None = None
        self._given = allocate_lock()
        self._given.acquire()

    def take(self, job: _Job[Any] | None) -> None:
        """Do ``job``; None is to end."""
        self._job = job
        self._given.release()

    def run(self) -> None:
        """Until there is nothing to do for a while."""
        while self._wait():
            job, self._job = self._job, None
            if job is None:
                return
            job.run()
            # Before it says so: who wants the next thing done then finds this thread free.
            stays = self._helpers.rest(self)
            job.done.release()
            del job  # an idle thread keeps no instance alive
            if not stays:
                return

    def _wait(self) -> bool:
        while not self._given.acquire(timeout=_IDLE_SECONDS):
            if self._helpers.dismiss(self):
                return False
        return True
