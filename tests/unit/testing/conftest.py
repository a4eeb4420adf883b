"""Run pytest on files of one's own, as a plugin's author does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest


@dataclass
class Report:
    """What pytest said: an outcome for each test, and all its output."""

    code: int
    outcomes: dict[str, str]
    text: str

    def of(self, outcome: str) -> set[str]:
        """Tests of one outcome, as ``Class::test``, without file and parameters."""
        return {name for name, found in self.outcomes.items() if found == outcome}


# Without a plugin of others that happens to be installed here, and takes a second to load.
_PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:schemathesis")

RunPytest = Callable[..., Report]


@pytest.fixture
def run_pytest(tmp_path: Path) -> RunPytest:
    """Write files (name → source) into an empty project and run pytest there, by itself."""

    def run(*options: str, config: str = "", **files: str) -> Report:
        project = tmp_path / "project"
        project.mkdir()
        (project / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{config}", "utf-8")
        for name, source in files.items():
            (project / f"{name}.py").write_text(textwrap.dedent(source), "utf-8")
        result = project / "result.xml"
        done = subprocess.run(
            [*_PYTEST, f"--junitxml={result}", *options],
            cwd=project,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return Report(done.returncode, _outcomes(result), done.stdout + done.stderr)

    return run


def _outcomes(result: Path) -> dict[str, str]:
    """Of each test the worst that happened to it, in any of its parameters."""
    found: dict[str, str] = {}
    if not result.exists():
        return found
    for case in ET.parse(result).iter("testcase"):
        cls = str(case.get("classname")).partition(".")[2]
        name = f"{cls}::{case.get('name')}".removeprefix("::").partition("[")[0]
        kinds = {child.tag for child in case} | {found.get(name, "passed")}
        found[name] = next(kind for kind in _WORST if kind in kinds)
    return found


_WORST = ("error", "failure", "skipped", "passed")


@pytest.fixture
def dcmdump() -> str:
    """DCMTK's reader of DICOM files."""
    found = shutil.which("dcmdump")
    if found is None:
        pytest.skip("DCMTK's dcmdump is not installed")
    return found
