"""A plugin of pytest that tells how contract suites do; `pacs_framework.authoring.suites` listens.

Loaded by name in the process that runs the suites, and nowhere else.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest

from pacs_framework.authoring.channel import FD_OPTION, SECONDS_OPTION, Teller

__all__ = [
    "Recorder",
    "pytest_addoption",
    "pytest_configure",
]

_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*: ")
_KIT = "pacs_framework.testing"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The number of the descriptor to tell through, and the seconds to tell."""
    parser.addoption(FD_OPTION, type=int, required=True)
    parser.addoption(SECONDS_OPTION, type=float, required=True)


def pytest_configure(config: pytest.Config) -> None:
    """Tell from now on."""
    teller = Teller(config.getoption(FD_OPTION))
    config.pluginmanager.register(Recorder(teller), "pacs-recorder")


class Recorder:
    """Tells of the collection, of each law as it begins, and of how it ended."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._outcome = ("", "")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Pytest itself has started; from now on it is the author's code that takes the time."""
        seconds = session.config.getoption(SECONDS_OPTION)
        self._teller.tell(begins="the collection", seconds=seconds)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that cannot be imported, a law that was overridden."""
        if report.failed:
            self._teller.tell(problem=_last_line(str(report.longrepr)))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """How many laws there are, and of which suites each class keeps those."""
        classes = {_class_of(item): _suites_of(item) for item in session.items}
        self._teller.tell(collected=len(session.items), classes=classes)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """One law, from its fixtures to the end of them."""
        self._outcome = ("passed", "")
        self._teller.tell(begins=item.name)
        result = yield
        outcome, reason = self._outcome
        self._teller.tell(
            **{"class": _class_of(item), "law": item.name, "outcome": outcome, "reason": reason}
        )
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of set-up, call and teardown."""
        if report.failed:
            self._outcome = ("failed", _last_line(report.longreprtext))
        elif report.skipped and self._outcome[0] == "passed":
            self._outcome = ("skipped", _skip_reason(report))

    def pytest_unconfigure(self) -> None:
        """Everything was told."""
        self._teller.close()


def _class_of(item: pytest.Item) -> str:
    cls = getattr(item, "cls", None)
    return cls.__qualname__ if inspect.isclass(cls) else "functions"


def _suites_of(item: pytest.Item) -> list[str]:
    """Names of the kernel's suites that the class of ``item`` inherits.

    Only the outermost ones: a large suite is put together of parts that no author has named.
    """
    cls = getattr(item, "cls", None)
    bases = inspect.getmro(cls) if inspect.isclass(cls) else ()
    suites = [
        base for base in bases if base.__module__.startswith(_KIT) and base.__name__ != "Suite"
    ]
    parts = {part for suite in suites for part in inspect.getmro(suite)[1:]}
    return [suite.__name__ for suite in suites if suite not in parts]


def _skip_reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longrepr)


def _last_line(text: str) -> str:
    """The line of an error, without pytest's mark in front of it."""
    marked = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    named = [line for line in marked if _EXCEPTION.match(line)]  # above it may be a source line
    return (named or marked or text.strip().splitlines()[-1:] or [""])[0]
