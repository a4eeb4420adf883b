"""Every kind of plugin that ``pacs plugin new`` writes: installed, tested, linted, checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pacs_framework.authoring.project import kinds

SECONDS = 110


@dataclass(frozen=True)
class Installed:
    """A generated project, and an environment that has its wheel."""

    kind: str
    project: Path
    python: Path

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        """Run a module in the environment, in the folder of the project."""
        return run(self.python, "-m", *command, cwd=self.project)


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def environment() -> Mapping[str, str]:
    """As a user has it: no settings, no colours, and a width that cuts nothing."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PACS_")}
    return kept | {"NO_COLOR": "1", "PYTEST_ADDOPTS": "-p no:cacheprovider -p no:schemathesis"}


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def new_environment(folder: Path) -> tuple[Path, Path]:
    """A fresh environment that sees what is installed here: its Python, its site-packages."""
    venv.create(folder, with_pip=False, symlinks=True)
    [site_packages] = folder.glob("lib/python*/site-packages")
    ours = sysconfig.get_paths()["purelib"]
    (site_packages / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n", "utf-8")
    return folder / "bin" / "python", site_packages


@pytest.fixture(scope="module", params=kinds())
def plugin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Written, built into a wheel, and the wheel unpacked into an environment of its own."""
    folder = tmp_path_factory.mktemp(request.param)
    name = f"my-{request.param}"
    pacs = (sys.executable, "-m", "pacs_framework.cli")
    succeeded(run(*pacs, "plugin", "new", name, "--kind", request.param, cwd=folder))
    project = folder / f"pacs-{name}"
    wheels = folder / "wheels"
    build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels)
    succeeded(run(*build, cwd=project))
    python, site_packages = new_environment(folder / "venv")
    [wheel] = wheels.iterdir()
    with zipfile.ZipFile(wheel) as content:
        content.extractall(site_packages)
    return Installed(request.param, project, python)


def test_its_tests_pass(plugin: Installed) -> None:
    said = succeeded(plugin.run("pytest"))
    assert " passed" in said
    assert "skipped" not in said


def test_its_style_is_clean(plugin: Installed) -> None:
    lint = (sys.executable, "-m", "ruff")
    succeeded(run(*lint, "check", "--no-cache", ".", cwd=plugin.project))
    succeeded(run(*lint, "format", "--no-cache", "--check", ".", cwd=plugin.project))


def test_its_types_are_clean(plugin: Installed, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = tmp_path_factory.getbasetemp() / "types-of-generated"
    checked = (sys.executable, "-m", "mypy", "--cache-dir", cache)
    assert "Success: no issues found" in succeeded(run(*checked, cwd=plugin.project))


def test_it_passes_the_check(plugin: Installed) -> None:
    """Without a warning, and with a contract suite where the kind has one."""
    report = json.loads(succeeded(plugin.run("pacs_framework.cli", "plugin", "check", "--json")))
    assert report["passed"]
    results = {check["result"] for check in report["checks"]}
    assert results == {"ok"}, report["checks"]
    suites = [suite for check in report["checks"] for suite in check["facts"].get("suites", ())]
    wanted = {
        "anonymizer": ["AnonymizerSuite"],
        "codec": ["CodecSuite"],
        "service": ["ServiceSuite"],
        "storage": ["StorageSuite"],
    }
    assert suites == wanted.get(plugin.kind, [])


def test_it_is_active_in_an_archive(plugin: Installed) -> None:
    rows = json.loads(succeeded(plugin.run("pacs_framework.cli", "plugins", "--json")))
    rows = rows if isinstance(rows, list) else rows["plugins"]
    [row] = [row for row in rows if row["name"] == f"my-{plugin.kind}"]
    assert row["state"] == "active"
    assert row["distribution"] == f"pacs-my-{plugin.kind}"
