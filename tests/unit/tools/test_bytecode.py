"""`tools/bytecode.py`: bytecode for another environment that has the same files."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tools.bytecode import share  # noqa: E402


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder of packages, compiled."""
    folder = tmp_path / "given"
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "__init__.py").write_text("answer = 1\n")
    (folder / "package" / "other.py").write_text("answer = 2\n")
    compileall.compile_dir(folder, quiet=2)
    return folder


@pytest.fixture
def taking(given: Path, tmp_path: Path) -> Path:
    """The same files, not compiled."""
    ignore = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(given, tmp_path / "taking", ignore=ignore))


def compiled(folder: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in folder.rglob("*.pyc")}


def test_what_is_the_same_is_compiled_there_too(given: Path, taking: Path) -> None:
    assert share(given, taking) == 2
    assert compiled(taking) == {"__init__", "other"}


def test_python_takes_it(given: Path, taking: Path) -> None:
    """It says from where it loads a module."""
    share(given, taking)
    done = subprocess.run(
        [sys.executable, "-v", "-c", "import package.other"],
        env={**os.environ, "PYTHONPATH": str(taking)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"code object from '{taking / 'package/__pycache__'}/other." in done.stderr


def test_what_differs_is_not(given: Path, taking: Path) -> None:
    """By its size, by its time, or because it is not there."""
    (taking / "package" / "__init__.py").write_text("answer = 10\n")
    os.utime(taking / "package" / "other.py", (0, 0))
    assert share(given, taking) == 0
    (taking / "package" / "other.py").unlink()
    assert share(given, taking) == 0
    assert compiled(taking) == set()


def test_what_is_there_already_stays(given: Path, taking: Path) -> None:
    compileall.compile_dir(taking, quiet=2)
    assert share(given, taking) == 0
