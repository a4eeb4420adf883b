"""Contract suites are run by pytest in a process of their own."""

from __future__ import annotations

import importlib
import re

import pytest

from pacs_framework.authoring import suites as suites_module
from pacs_framework.authoring.suites import check_suites, required_suites

SUITE = """
import os, time
import pytest
from pacs_framework.testing.suites.suite import Suite

class StorageSuite(Suite, suite=True):
    def test_one(self): pass
    def test_two(self): pass
StorageSuite.__module__ = "pacs_framework.testing.suites.storage"

class TestMine(StorageSuite):
    {body}
"""


@pytest.fixture
def run(site, told):
    """Rows for a plugin whose suite has this source."""

    def rows(source: str | None, *, required=(), timeout: float = 60.0):
        files = {} if source is None else {"pacs_sound/contract.py": source}
        names = {} if source is None else {"sound": "pacs_sound.contract"}
        target = site.install(files=files, suites=names)
        seen: list[tuple[int, int]] = []
        found = told(
            check_suites(
                target,
                required,
                timeout=timeout,
                progress=lambda done, total: seen.append((done, total)),
            )
        )
        assert all(done <= total or not total for done, total in seen)
        return found

    return rows


def test_laws_that_are_kept(run) -> None:
    assert run(SUITE.format(body="pass"), required={"StorageSuite"}) == [
        ("TestMine", "ok", "StorageSuite: 2 passed")
    ]


def test_a_law_that_is_broken_is_named_with_its_reason(run) -> None:
    body = "@pytest.fixture(autouse=True)\n    def broken(self, request):\n"
    body += "        assert request.node.name != 'test_two', 'no bytes came back'\n"
    [(name, result, detail)] = run(SUITE.format(body=body))
    assert (name, result) == ("TestMine", "failed")
    assert detail.startswith("StorageSuite: 1 passed, 1 failed: test_two: ")
    assert "no bytes came back" in detail


def test_a_waived_law_is_a_warning_with_its_reason(run) -> None:
    assert run(SUITE.format(body="waived = {'test_one': 'tapes are slow'}")) == [
        (
            "TestMine",
            "warning",
            "StorageSuite: 1 passed, 1 skipped: test_one: waived: tapes are slow",
        )
    ]


def test_a_law_that_is_overridden_fails(run) -> None:
    found = run(SUITE.format(body="def test_one(self): pass"), required={"StorageSuite"})
    assert [result for _, result, _ in found] == ["failed", "failed"]
    assert "overrides the law 'test_one'" in found[0][2]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import os; os._exit(3)", "the process of its tests ended with exit code 3"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def broken(:", "SyntaxError: invalid syntax"),
    ],
)
def test_a_suite_that_cannot_be_collected(run, source: str, words: str) -> None:
    [(name, result, detail)] = run(source)
    assert (name, result) == ("pacs_sound.contract", "failed")
    assert words in detail


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("os._exit(3)", "the process of its tests ended with exit code 3 (in test_one)"),
        ("os.kill(os.getpid(), 9)", "the process of its tests killed by SIGKILL (in test_one)"),
        ("time.sleep(600)", "test_one was not through after 3 s"),
    ],
)
def test_a_law_that_kills_or_hangs(run, body: str, words: str) -> None:
    fixture = f"@pytest.fixture(autouse=True)\n    def broken(self): {body}\n"
    found = run(SUITE.format(body=fixture), timeout=3)
    assert ("pacs_sound.contract", "failed", words) in found
    assert ("TestMine", "failed", "StorageSuite: 0 passed: nothing was tested") in found


def test_a_collection_that_hangs(run) -> None:
    [(name, result, detail)] = run("import time; time.sleep(600)", timeout=3)
    assert (name, result) == ("pacs_sound.contract", "failed")
    assert detail == "the collection was not through after 3 s"


def test_the_start_of_pytest_has_a_time_of_its_own(run, monkeypatch) -> None:
    monkeypatch.setattr(suites_module, "_START_SECONDS", 0.01)
    [(_, result, detail)] = run(SUITE.format(body="pass"), timeout=0.01)
    assert (result, detail) == ("failed", "the start of pytest was not through after 0.01 s")


def test_of_a_suite_that_is_put_together_the_parts_are_not_named(run) -> None:
    source = """
    from pacs_framework.testing.suites.suite import Suite

    class Scene(Suite, suite=True): pass
    class Reading(Scene, suite=True):
        def test_one(self): pass
    class Writing(Scene, suite=True):
        def test_two(self): pass
    class StorageSuite(Reading, Writing, suite=True): pass
    class CodecSuite(Suite, suite=True):
        def test_three(self): pass

    for each in (Scene, Reading, Writing, StorageSuite, CodecSuite):
        each.__module__ = "pacs_framework.testing.suites.all"

    class Mine(StorageSuite, suite=True): pass
    class TestMine(Mine, CodecSuite): pass
    """
    assert run(source, required={"StorageSuite", "CodecSuite"}) == [
        ("TestMine", "ok", "StorageSuite, CodecSuite: 3 passed")
    ]


def test_a_suite_that_tests_nothing_fails(run) -> None:
    [(_, result, detail)] = run("x = 1", required={"ServiceSuite"})
    assert result == "failed"
    assert detail.startswith("none runs ServiceSuite: write a module with a class that inherits ")


def test_whoever_provides_what_has_a_contract_needs_its_suite(run) -> None:
    assert required_suites({"on_store", "cli_commands"}) == set()
    assert required_suites({"storage_backends", "dimse_services", "codecs", "anonymizers"}) == {
        "AnonymizerSuite",
        "CodecSuite",
        "StorageSuite",
        "ServiceSuite",
    }
    assert run(None, required={"StorageSuite"}) == [
        (
            "contract suites",
            "failed",
            (
                "none runs StorageSuite: write a module with a class that inherits "
                "pacs_framework.testing.suites.storage.StorageSuite, and name it in "
                '[project.entry-points."pacs.contract_suites"]'
            ),
        )
    ]
    assert run(None) == []


@pytest.mark.parametrize("suite", sorted(suites_module._MODULE_OF))
def test_the_suite_that_is_asked_for_is_where_it_is_said_to_be(run, suite: str) -> None:
    [(_, _, detail)] = run(None, required={suite})
    [path] = re.findall(r"inherits (\S+),", detail)
    module, _, name = path.rpartition(".")
    assert getattr(importlib.import_module(module), name).laws()


def test_without_pytest_it_says_what_to_install(run, monkeypatch) -> None:
    monkeypatch.setattr(suites_module, "find_spec", lambda _name: None)
    assert run("import pytest") == [
        (
            "contract suites",
            "failed",
            "pytest is missing: install it with `pip install 'pacs-framework[testing]'`",
        )
    ]
