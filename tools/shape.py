"""One shape for all plugins: check each folder of plugins/, and say what to do where it differs.

    python tools/shape.py [FOLDER ...]

Whoever knows one plugin finds the way in all of them, and tools may rely on it. Exit code 1 with a
line for each thing that differs: the rule, and the remedy.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

ROOT = Path(__file__).resolve().parent.parent
_KERNEL = "pacs-framework"
_PREFIX = "pacs-"
_BELONGS = {"README.md", "pyproject.toml", "src", "tests"}
_ALLOWED = _BELONGS | {"templates"}  # of what `pacs plugin new` writes for who builds on it
_LEFT_BY_TOOLS = {".pytest_cache", ".mypy_cache", ".ruff_cache", "__pycache__", ".hypothesis"}
_HOOKS_LINE = re.compile(r"^Hooks: (.+)\.$", re.MULTILINE)


@dataclass(frozen=True)
class Project:
    """The folder of one plugin."""

    folder: Path

    @property
    def name(self) -> str:
        """Of the folder, and so of everything else."""
        return self.folder.name

    @property
    def plugin(self) -> str:
        """What the configuration calls it."""
        return self.name.removeprefix(_PREFIX)

    @property
    def package(self) -> str:
        """Its Python package."""
        return self.name.replace("-", "_")

    @property
    def source(self) -> Path:
        """The folder of its package."""
        return self.folder / "src" / self.package

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The project file; empty where there is none."""
        path = self.folder / "pyproject.toml"
        return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}

    @property
    def project(self) -> dict[str, Any]:
        """Its table ``[project]``."""
        table: dict[str, Any] = self.metadata.get("project", {})
        return table

    @cached_property
    def readme(self) -> str:
        """Its page; empty where there is none."""
        path = self.folder / "README.md"
        return path.read_text("utf-8") if path.exists() else ""

    @cached_property
    def hooks(self) -> list[str]:
        """The hooks that ``plugin.py`` implements, in its order."""
        path = self.source / "plugin.py"
        if not path.exists():
            return []
        tree = ast.parse(path.read_text("utf-8"))
        return [
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
            and any("hookimpl" in ast.unparse(mark) for mark in node.decorator_list)
        ]


def findings(project: Project) -> list[str]:
    """What differs, each with its remedy; nothing where the plugin has the shape."""
    return [finding for rule in _RULES for finding in rule(project)]


def _files(project: Project) -> Iterator[str]:
    if not project.name.startswith(_PREFIX):
        yield f"a plugin's folder is named {_PREFIX}NAME: rename it, its project and its package"
    there = {path.name for path in project.folder.iterdir()} - _LEFT_BY_TOOLS
    for missing in sorted(_BELONGS - there):
        yield f"every plugin has {missing}: add it"
    for extra in sorted(there - _ALLOWED):
        yield f"a plugin has only {', '.join(sorted(_ALLOWED))}: move {extra} into one of them"
    if not list(project.folder.glob("tests/**/test_*.py")):
        yield "every plugin has tests: add tests/test_plugin.py"


def _package(project: Project) -> Iterator[str]:
    source = project.folder / "src"
    there = sorted(path.name for path in source.iterdir()) if source.is_dir() else []
    if [name for name in there if name not in _LEFT_BY_TOOLS] != [project.package]:
        yield f"src/ holds the package {project.package} and nothing else: rename or move the rest"
    for name, why in (
        ("__init__.py", "it is a package"),
        ("py.typed", "its types are for others too (PEP 561)"),
        ("plugin.py", "its hooks are there"),
    ):
        if not (project.source / name).exists():
            yield f"src/{project.package}/{name} is missing: add it, {why}"
    if (project.source / "plugin.py").exists() and not project.hooks:
        yield f"src/{project.package}/plugin.py implements no hook: mark its functions @hookimpl"


def _metadata(project: Project) -> Iterator[str]:
    kernel = Project(ROOT).project
    expected = {
        "name": project.name,
        "readme": "README.md",
        "license": kernel["license"],
        "requires-python": kernel["requires-python"],
    }
    for key, value in expected.items():
        if project.project.get(key) != value:
            yield f'pyproject.toml: [project] has a {key}, as all have: write {key} = "{value}"'
    if not project.project.get("description", "").endswith(f"(plugin of {_KERNEL})"):
        yield f"pyproject.toml: a description names the kernel: end it with '(plugin of {_KERNEL})'"
    points = project.project.get("entry-points", {}).get("pacs.plugins", {})
    wanted = {project.plugin: f"{project.package}.plugin"}
    if points != wanted:
        yield (
            "pyproject.toml: one entry point, named as the project without its prefix: write "
            f'[project.entry-points."pacs.plugins"] {project.plugin} = "{project.package}.plugin"'
        )


def _dependencies(project: Project) -> Iterator[str]:
    requirements = {}
    for text in project.project.get("dependencies", []):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            yield f"pyproject.toml: {text!r} is no requirement: see PEP 508"
            continue
        requirements[requirement.name] = requirement
    kernel = requirements.get(_KERNEL)
    operators = {each.operator for each in kernel.specifier} if kernel else set()
    if not {">=", "<"} <= operators:
        yield (
            f"pyproject.toml: a plugin names the kernels that it was written for, from and up to: "
            f'add "{_KERNEL}>=X.Y,<X.Z" to dependencies'
        )
    sources = project.metadata.get("tool", {}).get("uv", {}).get("sources", {})
    group = project.metadata.get("dependency-groups", {}).get("test", [])
    for name in sorted({*requirements, *group}):
        if name.startswith(_PREFIX) and not sources.get(name, {}).get("workspace"):
            yield (
                f"pyproject.toml: {name} is of this repository: add it to [tool.uv.sources] as "
                "{ workspace = true }"
            )


def _readme(project: Project) -> Iterator[str]:
    if not project.readme:
        return
    if project.readme.partition("\n")[0] != f"# {project.name}":
        yield f"README.md is the plugin's page: begin it with '# {project.name}'"
    section = f"## Settings: `[plugin.{project.plugin}]`"
    if "config_models" in project.hooks and section not in project.readme.splitlines():
        yield f"README.md describes the settings: add the section '{section}' with a table"
    found = _HOOKS_LINE.search(project.readme)
    named = re.findall(r"`(\w+)`", found[1]) if found else []
    if sorted(named) != sorted(project.hooks):
        line = ", ".join(f"`{hook}`" for hook in project.hooks)
        yield f"README.md names the hooks that are implemented: write the line 'Hooks: {line}.'"


_RULES = (_files, _package, _metadata, _dependencies, _readme)


def main(arguments: Sequence[str]) -> None:
    """Check the folders that are named, or all."""
    every = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
    folders = [Path(argument).resolve() for argument in arguments] or every
    if not folders:
        sys.exit("shape: there is no plugin to look at")
    wrong = 0
    for folder in folders:
        for finding in findings(Project(folder)):
            wrong += 1
            print(f"{folder.name}: {finding}")
    if wrong:
        sys.exit(f"shape: {wrong} findings in {len(folders)} plugins")
    print(f"shape: {len(folders)} plugins have one shape")


if __name__ == "__main__":
    main(sys.argv[1:])
