"""Test each plugin alone, installed from its wheel with only the dependencies that it declares.

    python tools/alone.py [PLUGIN ...] [--all] [--jobs N] [--uv PATH]

In the working environment every plugin and every tool is there, so an undeclared dependency or a
file that the wheel lacks goes unnoticed. Here each plugin gets an environment of its own with its
wheel, the kernel's wheel, what ``pacs-framework[postgresql,testing]`` asks for and what the
plugin's own group ``test`` names (other plugins that its tests put into an archive, and their
tools), all in the locked versions. The tests run from a copy outside of the repository, with the
first and the last of their parameters, or ``--all``: see `tools/alone_sample.py`. First of all, all
wheels are installed together; what is compiled there serves the other environments.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.bytecode import share  # noqa: E402

_PINNED = re.compile(r"^([A-Za-z0-9_.-]+(\[[^\]]*\])?==\S+(?: ;[^\\]*)?)", re.MULTILINE)


def main() -> None:
    """Build the wheels, then test plugin by plugin; exit code 1 when one of them fails."""
    options = _options()
    with (
        tempfile.TemporaryDirectory(prefix="pacs-alone-") as folder,
        ThreadPoolExecutor(options.jobs) as pool,
    ):
        alone = Alone(Path(folder), str(options.uv.resolve()), everything=options.all)
        list(pool.map(alone.build, alone.projects))
        together = alone.install_together()
        passed = pool.map(alone.test, options.plugins)
        failed = [name for name, well in zip(options.plugins, passed, strict=True) if not well]
        if not together:
            failed.append("all together")
    if failed:
        sys.exit(f"alone: failed: {', '.join(failed)}")
    print(f"alone: {len(options.plugins)} plugins work on their own, from their wheels")


def _options() -> argparse.Namespace:
    plugins = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("plugins", nargs="*", metavar="PLUGIN", help="such as pacs-store")
    parser.add_argument(
        "--uv", type=Path, default=ROOT / ".uv/bin/uv", help="the uv to install with"
    )
    parser.add_argument("--all", action="store_true", help="run tests with all their parameters")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="plugins at a time (default: %(default)s)"
    )
    options = parser.parse_args()
    unknown = sorted({*options.plugins} - {*plugins})
    if unknown:
        parser.error(f"no plugin {unknown[0]!r}; there are {', '.join(plugins)}")
    options.plugins = options.plugins or plugins
    return options


class Alone:
    """Environments below ``folder``, made with ``uv``."""

    def __init__(self, folder: Path, uv: str, *, everything: bool) -> None:
        self.projects = [
            ROOT,
            *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml")),
        ]
        self._folder = folder
        self._uv = uv
        self._everything = everything
        self._compiled = Path(sysconfig.get_path("purelib"))
        self._wheels = folder / "wheels"
        self._constraints = folder / "constraints.txt"
        pinned = _PINNED.findall((ROOT / "requirements.txt").read_text())
        self._constraints.write_text("".join(f"{each[0].strip()}\n" for each in pinned))
        self._ini = folder / "pytest.ini"
        self._ini.write_text(_pytest_ini())

    def test(self, plugin: str) -> bool:
        """Whether the tests of ``plugin`` pass, with nothing else installed."""
        started = time.monotonic()
        place = self._folder / plugin
        python = self._environment(place / "venv", plugin, *_needed_by_tests(plugin))
        shutil.copytree(ROOT / "plugins" / plugin / "tests", place / "tests")
        if not self._everything:
            shutil.copy(ROOT / "tools" / "alone_sample.py", place / "conftest.py")
        command = (
            python,
            "-m",
            "pytest",
            "-q",
            "--tb=short",
            "-c",
            str(self._ini),
            "--rootdir",
            str(place),
            "tests",
        )
        done = _run(*command, cwd=place)
        summary = done.stdout.strip().rpartition("\n")[2]
        print(f"alone: {plugin}: {summary} ({time.monotonic() - started:.0f} s)", flush=True)
        if done.returncode:
            print(done.stdout, done.stderr, sep="\n", flush=True)
        return done.returncode == 0

    def install_together(self) -> bool:
        """Whether all wheels live in one environment, with every plugin active."""
        names = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
        python = self._environment(self._folder / "together", *names)
        self._compiled = _packages(python)
        # What only the wheels bring; the rest came compiled from the working environment.
        _run(python, "-m", "compileall", "-q", *self._ours(), cwd=self._folder)
        done = _run(python, "-m", "pacs_framework.cli", "plugins", cwd=self._folder)
        active = done.stdout.count("active")
        print(f"alone: all together: {active} of {len(names)} plugins active", flush=True)
        if done.returncode or active < len(names):
            print(done.stdout, done.stderr, sep="\n", flush=True)
            return False
        return self._writes_plugins(python)

    def _writes_plugins(self, python: str) -> bool:
        """Whether the wheels of kernel and plugins bring every template along."""
        templates = (*ROOT.glob("templates/plugin/*"), *ROOT.glob("plugins/*/templates/*"))
        for template in sorted(templates):
            kind = template.name
            command = (python, "-m", "pacs_framework.cli", "plugin", "new", f"a-{kind}")
            done = _run(*command, "--kind", kind, cwd=self._folder)
            if done.returncode:
                print(done.stdout, done.stderr, sep="\n", flush=True)
                return False
        return True

    def _ours(self) -> list[str]:
        return [str(path) for path in self._compiled.glob("pacs_*") if path.is_dir()]

    def build(self, project: Path) -> None:
        """The wheel of the kernel or a plugin."""
        command = (
            sys.executable,
            "-m",
            "hatchling",
            "build",
            "-t",
            "wheel",
            "-d",
            str(self._wheels),
        )
        done = _run(*command, cwd=project)
        if done.returncode:
            sys.exit(f"alone: {project.name} cannot be built:\n{done.stdout}{done.stderr}")

    def _environment(self, venv: Path, *plugins: str) -> str:
        """The interpreter of a new environment that has ``plugins`` and the kit for their tests."""
        self._checked("venv", "-q", "--python", sys.executable, str(venv))
        python = str(venv / "bin" / "python")
        wanted = [self._wheel_of(name) or name for name in plugins]
        kernel = next(self._wheels.glob("pacs_framework-*.whl"))
        self._checked(
            *("pip", "install", "-q", "--no-progress", "--python", python),
            *("--constraint", str(self._constraints), "--find-links", str(self._wheels)),
            *(f"pacs-framework[postgresql,testing] @ {kernel.as_uri()}", *wanted),
        )
        share(self._compiled, _packages(python))
        return python

    def _wheel_of(self, name: str) -> str:
        """The wheel of one of ours; empty for what others publish."""
        return next(map(str, self._wheels.glob(f"{name.replace('-', '_')}-*.whl")), "")

    def _checked(self, *arguments: str) -> None:
        done = _run(self._uv, *arguments, cwd=self._folder)
        if done.returncode:
            sys.exit(f"alone: uv {arguments[0]} failed:\n{done.stderr}")


def _packages(python: str) -> Path:
    """Where an environment has its packages."""
    [found] = Path(python).parent.parent.glob("lib/python*/site-packages")
    return found


def _needed_by_tests(plugin: str) -> list[str]:
    """The group ``test`` (PEP 735) of its project file."""
    project = tomllib.loads((ROOT / "plugins" / plugin / "pyproject.toml").read_text())
    group: list[str] = project.get("dependency-groups", {}).get("test", [])
    return group


def _run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run to the end, without this environment's packages in the way."""
    kept = {
        key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    return subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True, check=False)


def _pytest_ini() -> str:
    """The settings of the repository's pytest that a plugin's tests rely on."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    lines = ["[pytest]", "xfail_strict = true"]
    for option in ("addopts", "filterwarnings", "markers"):
        lines += [f"{option} =", *(f"    {value}" for value in _values(settings[option]))]
    return "\n".join(lines) + "\n"


def _values(option: str | Sequence[str]) -> Sequence[str]:
    return [option] if isinstance(option, str) else option


if __name__ == "__main__":
    main()
