"""What the tests cost: at the end of a run, the ten files that took the most processor time.

And no example of a property test fails for being slow: machines are busy at times. What is
collected, the garbage collector never looks at: that took a third of collecting, and 0.4 s whenever
a test had it look at everything.

Processor time says the same on a busy machine as on an idle one. That of a child process counts
where it is used, and that of a grandchild where it ends; so a server of the whole run, such as
PostgreSQL, counts with the tests that ask it, and starts with the first of them.
"""

from __future__ import annotations

import os
import resource
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings

from pacs_framework.cli.importing import importing

settings.register_profile(
    "unhurried", settings.get_profile(settings.get_current_profile_name()), deadline=None
)
settings.load_profile("unhurried")

_SHOWN = 10
_WORTH_SHOWING = 60.0  # seconds in all: whoever runs a few tests is told nothing
_TICKS = os.sysconf("SC_CLK_TCK")  # in a second
_TIMES = slice(11, 15)  # utime, stime, cutime, cstime of proc_pid_stat(5), behind the command
_BEGAN: pytest.StashKey[float] = pytest.StashKey()
_COST: pytest.StashKey[Counter[str]] = pytest.StashKey()


def _seconds() -> float:
    """Processor time of this process and its children, and of theirs that have ended."""
    going = sum(map(_ticks, _children())) / _TICKS
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum((each.ru_utime + each.ru_stime for each in used), going)


def _children() -> Iterator[str]:
    """Numbers of those that run, and of those that nobody has waited for; none without Linux."""
    for listed in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended
            yield from listed.read_text("ascii").split()


def _ticks(process: str) -> int:
    with suppress(OSError):
        said = Path(f"/proc/{process}/stat").read_text("utf-8", errors="replace")
        return sum(map(int, said.rpartition(")")[2].split()[_TIMES]))
    return 0


def pytest_configure(config: pytest.Config) -> None:
    """Where reports arrive, each file has its account."""
    config.stash[_COST] = cost = Counter[str]()
    config.pluginmanager.register(_Accounts(cost))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules and items live as long as the run."""
    with importing():
        return (yield)


class _Accounts:
    """Hears of every test, in whichever process it ran."""

    def __init__(self, cost: Counter[str]) -> None:
        self._cost = cost

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Each of its three phases."""
        self._cost[report.nodeid.partition("::")[0]] += getattr(report, "processor_seconds", 0.0)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Where the first phase begins."""
    item.stash[_BEGAN] = _seconds()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The report of a phase says what it took; attributes of reports reach the other process."""
    report = yield
    now = _seconds()
    report.processor_seconds = now - item.stash[_BEGAN]
    item.stash[_BEGAN] = now
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The table."""
    cost = config.stash[_COST]
    if cost.total() < _WORTH_SHOWING:
        return
    terminalreporter.section(f"processor time: {cost.total():.0f} s, most of it in")
    for file, seconds in cost.most_common(_SHOWN):
        terminalreporter.write_line(f"{seconds:8.1f} s  {file}")
