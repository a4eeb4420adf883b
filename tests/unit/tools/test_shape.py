"""`tools/shape.py`: every plugin here has the shape, and each rule finds its fault."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
_spec = importlib.util.spec_from_file_location("shape", ROOT / "tools" / "shape.py")
shape = importlib.util.module_from_spec(_spec)
sys.modules["shape"] = shape  # dataclasses look their module up
_spec.loader.exec_module(shape)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A copy of a plugin that has the shape."""
    return Path(
        shutil.copytree(
            ROOT / "plugins" / "pacs-exec",
            tmp_path / "pacs-exec",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    )


def test_all_plugins_have_one_shape() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "shape.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    plugins = len(list(ROOT.glob("plugins/*/pyproject.toml")))
    assert f"{plugins} plugins have one shape" in done.stdout


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return damage


PROJECT, PACKAGE = "pyproject.toml", "src/pacs_exec"


@pytest.mark.parametrize(
    ("damage", "remedy"),
    [
        (lambda folder: (folder / "README.md").unlink(), "every plugin has README.md: add it"),
        (lambda folder: (folder / "notes.txt").touch(), "move notes.txt into one of them"),
        (lambda folder: shutil.rmtree(folder / "tests"), "every plugin has tests: add it"),
        (lambda folder: (folder / "tests/test_exec.py").unlink(), "add tests/test_plugin.py"),
        (lambda folder: (folder / "src/other").mkdir(), "rename or move the rest"),
        (lambda folder: (folder / PACKAGE / "py.typed").unlink(), "(PEP 561)"),
        (lambda folder: (folder / PACKAGE / "plugin.py").unlink(), "its hooks are there"),
        (replace(f"{PACKAGE}/plugin.py", "@hookimpl", ""), "mark its functions @hookimpl"),
        (replace(PROJECT, 'name = "pacs-exec"', 'name = "exec"'), 'write name = "pacs-exec"'),
        (replace(PROJECT, '"MIT"', '"GPL-3.0"'), 'write license = "MIT"'),
        (replace(PROJECT, ">=3.11", ">=3.9"), 'write requires-python = ">=3.11"'),
        (replace(PROJECT, "(plugin of pacs-framework)", ""), "(plugin of pacs-framework)"),
        (replace(PROJECT, "exec = ", "run = "), 'exec = "pacs_exec.plugin"'),
        (replace(PROJECT, ",<0.2", ""), 'add "pacs-framework>=X.Y,<X.Z" to dependencies'),
        (replace(PROJECT, "pacs-store = { workspace = true }", ""), "pacs-store is of this"),
        (replace("README.md", "# pacs-exec", "# Exec"), "begin it with '# pacs-exec'"),
        (replace("README.md", "## Settings", "## Options"), "add the section '## Settings"),
        (replace("README.md", "`idle_hooks`, ", ""), "write the line 'Hooks: `config_models`"),
    ],
)
def test_each_fault_is_found_with_its_remedy(
    plugin: Path, damage: Callable[[Path], object], remedy: str
) -> None:
    assert shape.findings(shape.Project(plugin)) == []
    damage(plugin)
    found = shape.findings(shape.Project(plugin))
    assert any(remedy in finding for finding in found), found


def test_a_folder_with_another_name_is_told(tmp_path: Path, plugin: Path) -> None:
    other = plugin.rename(tmp_path / "exec")
    assert any("is named pacs-NAME" in finding for finding in shape.findings(shape.Project(other)))
