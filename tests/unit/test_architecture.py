"""The walls of the house, drawn from the imports as they are written."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KERNEL = ROOT / "src" / "pacs_framework"
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))

# What a room may import of the kernel, besides itself. DESIGN: "Who may know whom".
GROUND = {"errors", "dicom", "storage"}
MAY_KNOW = {
    "hookspecs": set[str](),
    "background": {"errors"},
    "moving": {"errors", "dicom", "folders", "network"},
    "backups": GROUND | {"archive", "folders", "index", "tables", "whole_file"},
    "doors": set[str](),
    "waking": set[str](),
    "jobs": {"errors", "tables"},
    "errors": {"dicom"},
    "storage": {"errors"},
    "dicom": {"errors"},
    "config": {"errors", "dicom"},
    "logs": {"errors", "config"},
    "live": {"errors"},
    "network": {"errors", "dicom"},
    "index": {
        "errors",
        "dicom",
        "folders",
        "archive.incoming",
        "archive.changes",
        "archive.corrections",
        "archive.deletions",
        "archive.marks",
    },
    "folders": set[str](),
    "tables": {"errors", "index.database", "index.prepared", "waking"},
    "whole_file": {"folders"},
    "codecs": {"errors", "dicom", "whole_file"},
    "conditions": {"dicom"},
    "anonymizers": {"errors", "dicom", "codecs", "whole_file"},
    "buckets": {"errors", "storage", "config.keys", "config.types", "conformance.records"},
    "dicomweb": {"errors", "config.types", "network.tls"},
    "rendering": {"errors", "dicom", "codecs"},
    "archive": GROUND | {"anonymizers", "codecs", "index", "jobs", "network.peers", "tables"},
    "plugins": {
        "hookspecs",
        "errors",
        "config",
        "archive.incoming",
        "network.decisions",
        "dicom",
        "conformance.records",
    },
    "conformance": GROUND | {"config", "moving", "network", "plugins", "hookspecs"},
}
ROOF = {"app", "authoring", "cli", "health", "plugin_host", "testing", "__init__"}


def imports(file: Path) -> Iterator[str]:
    """Modules that ``file`` imports at run time, without those under TYPE_CHECKING."""
    tree = ast.parse(file.read_text("utf-8"))
    hints = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if node in hints:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def room_of(module: str) -> str:
    return module.removeprefix("pacs_framework.").split(".")[0]


def kernel_files() -> list[tuple[str, Path]]:
    return [
        (file.relative_to(KERNEL).parts[0].removesuffix(".py"), file)
        for file in sorted(KERNEL.rglob("*.py"))
    ]


def test_every_room_of_the_kernel_is_drawn() -> None:
    """A new room needs its line here and its row in docs/explanation/architecture.md."""
    rooms = {room for room, _ in kernel_files()}
    assert rooms == set(MAY_KNOW) | ROOF
    page = (ROOT / "docs/explanation/architecture.md").read_text("utf-8")
    for room in rooms - {"__init__"}:
        assert f"`{room}" in page, room


def test_the_kernel_imports_no_plugin() -> None:
    """The kernel imports no plugin, ever."""
    crossing = [
        f"{file}: {module}"
        for _, file in kernel_files()
        for module in imports(file)
        if module.startswith("pacs_")
        and room_of(module)
        and not module.startswith("pacs_framework")
    ]
    assert crossing == []


def test_the_kernel_names_no_plugin() -> None:
    """Not in its messages either: whoever provides something may come from anybody."""
    names = [path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")]
    found = [
        (str(path.relative_to(ROOT)), name)
        for path in KERNEL.rglob("*.py")
        for name in names
        if re.search(rf"\b{name}\b", path.read_text("utf-8"))
    ]
    assert len(names) > 5
    assert found == []


def test_rooms_know_only_whom_they_may() -> None:
    """``network`` knows no archive, ``archive`` no network; the ground floor knows nobody above."""
    crossing = [
        f"{file.relative_to(ROOT)} imports {module}"
        for room, file in kernel_files()
        if room not in ROOF
        for module in imports(file)
        if module.startswith("pacs_framework.") and not allowed(room, module)
    ]
    assert crossing == []


def allowed(room: str, module: str) -> bool:
    inner = module.removeprefix("pacs_framework.")
    known = MAY_KNOW[room] | {room}
    return any(inner == name or inner.startswith(f"{name}.") for name in known)


def built_on(plugin: Path) -> Iterator[str]:
    """The packages of plugins that ``plugin`` depends on, of those that offer hooks."""
    project = tomllib.loads((plugin / "pyproject.toml").read_text("utf-8"))["project"]
    for sibling in PLUGINS:
        declared = any(d.startswith(sibling.name + ">") for d in project.get("dependencies", ()))
        package = sibling.name.replace("-", "_")
        hooks = (sibling / "src" / package / "plugin.py").read_text("utf-8")
        if declared and "def add_hookspecs(" in hooks:
            yield package


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_imports_no_sibling_and_nothing_private(plugin: Path) -> None:
    """Plugins import public names of the kernel, and of a sibling that they are built on its API.

    That is one that offers hooks, and that they declare.
    """
    package = plugin.name.replace("-", "_")
    offered = {f"{sibling}.api" for sibling in built_on(plugin)}
    files = list((plugin / "src").rglob("*.py"))
    assert files
    for file in files:
        for module in imports(file):
            parts = module.split(".")
            assert not (
                parts[0].startswith("pacs_")
                and parts[0] not in {"pacs_framework", package}
                and module not in offered
            ), f"{file}: {module}"
            if parts[0] == "pacs_framework":
                assert not any(part.startswith("_") for part in parts), f"{file}: {module}"


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_every_plugin_has_the_full_shape(plugin: Path) -> None:
    """One shape for all: a page of its own, a typed package, tests."""
    package = plugin / "src" / plugin.name.replace("-", "_")
    assert (plugin / "README.md").read_text("utf-8").startswith(f"# {plugin.name}\n")
    assert len((plugin / "README.md").read_text("utf-8").splitlines()) > 10
    assert (package / "py.typed").exists()
    assert (package / "plugin.py").exists()
    assert list((plugin / "tests").glob("test_*.py"))
