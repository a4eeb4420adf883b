"""The contract suites of a plugin, run by pytest in a process of its own."""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from pacs_framework.authoring.channel import SECONDS_OPTION, Ended, Overdue, told_by
from pacs_framework.authoring.report import Finding, failed, fine, warning
from pacs_framework.authoring.target import SUITES, Target

__all__ = ["check_suites", "required_suites"]

_START_SECONDS = 60.0  # of pytest and its plugins, which is no law's fault

_SUITE_OF = {
    "anonymizers": "AnonymizerSuite",
    "codecs": "CodecSuite",
    "dimse_services": "ServiceSuite",
    "job_queue": "JobQueueSuite",
    "storage_backends": "StorageSuite",
}
_MODULE_OF = {
    "AnonymizerSuite": "anonymizer",
    "CodecSuite": "codec",
    "JobQueueSuite": "jobs",
    "ServiceSuite": "service",
    "StorageSuite": "storage",
}

Progress = Callable[[int, int], None]
"""Told how many laws of how many are done."""


def required_suites(provides: Collection[str]) -> set[str]:
    """The suites that a plugin must pass which provides something by these hooks."""
    return {suite for hook, suite in _SUITE_OF.items() if hook in provides}


@dataclass(slots=True)
class _ClassResult:
    """What became of the laws of one test class, by name of the law."""

    suites: list[str] = field(default_factory=list)
    passed: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def check_suites(
    target: Target, required: Collection[str], *, timeout: float, progress: Progress
) -> Iterator[Finding]:
    """Run every registered suite; a required one that is not registered has failed.

    timeout: seconds that any single law may take, and the collection.
    """
    if target.suites and find_spec("pytest") is None:
        yield failed(
            "contract suites",
            "pytest is missing: install it with `pip install 'pacs-framework[testing]'`",
        )
        return
    ran: set[str] = set()
    for point in target.suites:
        results: defaultdict[str, _ClassResult] = defaultdict(_ClassResult)
        yield from _run(point.module, results, timeout, progress)
        for name, result in results.items():
            ran |= {*result.suites}
            yield _finding(name, result)
    for suite in sorted({*required} - ran):
        yield failed(
            "contract suites",
            f"none runs {suite}: write a module with a class that inherits "
            f"pacs_framework.testing.suites.{_MODULE_OF[suite]}.{suite}, and name it in "
            f'[project.entry-points."{SUITES}"]',
        )


def _run(
    module: str, results: Mapping[str, _ClassResult], timeout: float, progress: Progress
) -> Iterator[Finding]:
    """Fill ``results`` from one module; yields what went wrong with the run itself."""
    done = total = 0
    law = "the start of pytest"
    seconds = max(_START_SECONDS, timeout)
    command = _command(module, timeout)
    with tempfile.TemporaryDirectory(prefix="pacs-suites-") as folder:
        try:
            for message in told_by(command, folder=Path(folder), seconds=seconds):
                seconds = message.get("seconds", seconds)
                if "collected" in message:
                    total = message["collected"]
                    for name, suites in message["classes"].items():
                        results[name].suites = suites
                elif "problem" in message:
                    yield failed(module, message["problem"])
                elif "begins" in message:
                    law = message["begins"]
                else:
                    done += 1
                    _count(results[message["class"]], message)
                progress(done, total)
        except Ended as error:
            yield failed(module, f"the process of its tests {error} (in {law})")
        except Overdue:
            yield failed(module, f"{law} was not through after {seconds:g} s")


def _command(module: str, timeout: float) -> list[str]:
    return [
        sys.executable,
        *("-m", "pytest", "--pyargs", module, "--import-mode=importlib"),
        *("-p", "pacs_framework.authoring.recorder", SECONDS_OPTION, str(timeout)),
        *("-p", "no:cacheprovider", "-p", "no:terminal"),  # what it prints are last words only
        *("-c", "/dev/null", "--rootdir", "."),  # the author's own settings are for his own tests
    ]


def _count(result: _ClassResult, message: Mapping[str, str]) -> None:
    law, outcome, reason = message["law"], message["outcome"], message["reason"]
    if outcome == "passed":
        result.passed += 1
    elif outcome == "skipped":
        result.skipped[law] = reason
    else:
        result.failed[law] = reason


def _finding(name: str, result: _ClassResult) -> Finding:
    facts = {
        "suites": result.suites,
        "passed": result.passed,
        "skipped": result.skipped,
        "failed": result.failed,
    }
    of = ", ".join(result.suites) or "no suite of the kernel"
    told = f"{of}: {result.passed} passed"
    if result.failed:
        reasons = "; ".join(f"{law}: {reason}" for law, reason in result.failed.items())
        return failed(name, f"{told}, {len(result.failed)} failed: {reasons}", **facts)
    if not result.passed:
        return failed(name, f"{told}: nothing was tested", **facts)
    if result.skipped:
        reasons = "; ".join(f"{law}: {reason}" for law, reason in result.skipped.items())
        return warning(name, f"{told}, {len(result.skipped)} skipped: {reasons}", **facts)
    return fine(name, told, **facts)
