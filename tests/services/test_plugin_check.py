"""``pacs plugin check`` on every plugin of this repository, as whoever ships one would run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pacs_framework.testing.forked import run_module

ROOT = Path(__file__).resolve().parents[2]
OURS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))


@pytest.fixture(scope="module", params=OURS, ids=lambda path: path.name)
def report(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the check finds, run in the folder of the plugin."""
    command = ("pacs_framework.cli", "plugin", "check", "--json")
    done = run_module(*command, folder=request.param, seconds=110)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["passed"] else 1), done.stderr
    return found


def undeclared(check: dict[str, Any]) -> bool:
    return "undeclared" in check["facts"]


def test_nothing_fails(report: dict[str, Any]) -> None:
    """What is not declared is the matter of the next test."""
    bad = [row for row in report["checks"] if row["result"] == "failed" and not undeclared(row)]
    assert [row["detail"] for row in bad] == []


def test_everything_that_is_imported_is_declared(report: dict[str, Any]) -> None:
    found = [row["facts"]["undeclared"] for row in report["checks"] if undeclared(row)]
    assert found == []


def test_whoever_provides_what_has_a_contract_passed_its_suite(report: dict[str, Any]) -> None:
    checks = {row["check"]: row for row in report["checks"]}
    ran = {suite for row in report["checks"] for suite in row["facts"].get("suites", ())}
    wanted = {
        "anonymizers": "AnonymizerSuite",
        "codecs": "CodecSuite",
        "dimse_services": "ServiceSuite",
        "storage_backends": "StorageSuite",
    }
    for hook, suite in wanted.items():
        if hook in checks and checks[hook]["facts"].get("provides"):
            assert suite in ran
        if suite in ran:
            assert hook in checks
