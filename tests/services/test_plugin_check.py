"""``pacs plugin check`` on every plugin of this repository, as whoever ships one would run it.

Of the contract suites it only sees which there are: the plugin's own tests run their laws.
"""

from __future__ import annotations

import ast
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pacs_framework.testing.forked import run_module

ROOT = Path(__file__).resolve().parents[2]
OURS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
# Loading schemathesis takes a second of every start.
COLLECT = {"PYTEST_ADDOPTS": "--collect-only -p no:schemathesis"}


@dataclass(frozen=True)
class Report:
    """What the check finds of one plugin."""

    folder: Path
    checks: list[dict[str, Any]]

    @property
    def suites(self) -> dict[str, list[str]]:
        """The test classes of its contract, with the suites of the kernel that each inherits."""
        facts = {row["check"]: row["facts"] for row in self.checks}
        return {name: fact["suites"] for name, fact in facts.items() if "suites" in fact}


@pytest.fixture(scope="module", params=OURS, ids=lambda path: path.name)
def report(request: pytest.FixtureRequest) -> Report:
    """What the check finds, run in the folder of the plugin."""
    command = ("pacs_framework.cli", "plugin", "check", "--json")
    environment = os.environ | COLLECT
    done = run_module(*command, environment=environment, folder=request.param, seconds=110)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["passed"] else 1), done.stderr
    return Report(request.param, found["checks"])


def undeclared(check: dict[str, Any]) -> bool:
    return "undeclared" in check["facts"]


def only_collected(check: dict[str, Any]) -> bool:
    """A suite whose laws were found. What cannot be imported or was overridden has no such row."""
    return check["detail"].endswith(": 0 passed: nothing was tested")


def test_nothing_fails(report: Report) -> None:
    """What is not declared is the matter of the next test."""
    failed = [row for row in report.checks if row["result"] == "failed"]
    bad = [row for row in failed if not undeclared(row) and not only_collected(row)]
    assert [row["detail"] for row in bad] == []


def test_everything_that_is_imported_is_declared(report: Report) -> None:
    found = [row["facts"]["undeclared"] for row in report.checks if undeclared(row)]
    assert found == []


def test_whoever_provides_what_has_a_contract_registers_its_suite(report: Report) -> None:
    checks = {row["check"]: row for row in report.checks}
    registered = {suite for suites in report.suites.values() for suite in suites}
    wanted = {
        "anonymizers": "AnonymizerSuite",
        "codecs": "CodecSuite",
        "dimse_services": "ServiceSuite",
        "job_queue": "JobQueueSuite",
        "storage_backends": "StorageSuite",
    }
    for hook, suite in wanted.items():
        if hook in checks and checks[hook]["facts"].get("provides"):
            assert suite in registered
        if suite in registered:
            assert hook in checks


def test_its_own_tests_run_what_it_registers(report: Report) -> None:
    """All of the classes: a suite that nobody runs says nothing."""
    assert {*report.suites} <= imported(report.folder / "tests" / "test_contract.py")


def imported(module: Path) -> set[str]:
    """The names that a file of tests imports from elsewhere, which pytest collects with its own."""
    if not module.exists():
        return set()
    found = ast.walk(ast.parse(module.read_text("utf-8")))
    return {each.name for node in found if isinstance(node, ast.ImportFrom) for each in node.names}
