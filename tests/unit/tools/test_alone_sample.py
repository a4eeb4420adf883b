"""`tools/alone_sample.py`: which tests of a plugin run when it is alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
_TESTS = """
import pytest

def test_plain(): pass

@pytest.mark.parametrize("size", range(5))
def test_sizes(size): pass

class TestOne:
    @pytest.mark.parametrize("name", ["only"])
    def test_sizes(self, name): pass
"""


@pytest.fixture
def collected(tmp_path: Path) -> list[str]:
    """What is left of the tests, in two files of the same content."""
    shutil.copy(ROOT / "tools" / "alone_sample.py", tmp_path / "conftest.py")
    for name in ("test_things.py", "test_contract.py"):
        (tmp_path / name).write_text(_TESTS)
    command = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-c", "/dev/null")
    done = subprocess.run(
        [*command, "--rootdir", ".", "-p", "no:schemathesis", "--import-mode=importlib"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_of_each_function_the_first_and_the_last_parameters_are_left(collected: list[str]) -> None:
    assert [name for name in collected if name.startswith("test_things")] == [
        "test_things.py::test_plain",
        "test_things.py::test_sizes[0]",
        "test_things.py::test_sizes[4]",
        "test_things.py::TestOne::test_sizes[only]",
    ]


def test_of_a_contract_all_is_left(collected: list[str]) -> None:
    """What a plugin provides is the parameter there."""
    assert len([name for name in collected if name.startswith("test_contract")]) == 7
