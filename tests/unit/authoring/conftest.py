"""Distributions as pip leaves them in a folder: real metadata, real modules, a list of files."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pacs_framework.authoring.report import Finding
from pacs_framework.authoring.target import Target, find_target

API_RANGE = ("pacs-framework>=0.1,<0.2",)

PLUGIN = """
from pacs_framework import hookimpl

@hookimpl
def on_store(instance):
    return None
"""


@dataclass(frozen=True)
class Site:
    """A folder of installed distributions, first on the path of this process and of others."""

    folder: Path

    def install(
        self,
        name: str = "sound",
        source: str = PLUGIN,
        *,
        requires: Sequence[str] = API_RANGE,
        files: Mapping[str, str] | None = None,
        plugins: Mapping[str, str] | None = None,
        suites: Mapping[str, str] | None = None,
        metadata: str = "License-Expression: MIT",
        typed: bool = True,
    ) -> Target:
        """Install ``pacs-NAME`` whose module ``plugin`` has ``source``; ``files`` are more of them.

        ``plugins`` and ``suites`` replace the entry points.
        """
        package = f"pacs_{name.replace('-', '_')}"
        points = {"pacs.plugins": plugins if plugins is not None else {name: f"{package}.plugin"}}
        points["pacs.contract_suites"] = suites or {}
        written = {f"{package}/__init__.py": "", f"{package}/plugin.py": source, **(files or {})}
        if typed:
            written[f"{package}/py.typed"] = ""
        info = f"{package}-1.0.dist-info"
        head = ["Metadata-Version: 2.4", f"Name: pacs-{name}", "Version: 1.0", metadata]
        head += [f"Requires-Dist: {each}" for each in requires]
        written[f"{info}/METADATA"] = "\n".join(line for line in head if line) + "\n\n"
        written[f"{info}/entry_points.txt"] = "\n".join(
            f"[{group}]\n" + "\n".join(f"{key} = {value}" for key, value in each.items())
            for group, each in points.items()
            if each
        )
        written[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*written, f"{info}/RECORD"))
        for path, text in written.items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text), "utf-8")
        self.forget()
        return find_target(f"pacs-{name}", self.folder)

    def forget(self) -> None:
        """What was imported from here, so that the next import reads the files."""
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "")).startswith(str(self.folder)):
                del sys.modules[name]
        importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty one; what was imported from it is forgotten."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    path = [str(folder), *filter(None, sys.path)]
    monkeypatch.setenv("PYTHONPATH", ":".join(path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a file may change within a second
    installed = Site(folder)
    yield installed
    installed.forget()


@pytest.fixture
def told() -> Callable[..., list[tuple[str, str, str]]]:
    """Findings as rows: check, result, detail."""

    def rows(findings: Iterator[Finding] | Sequence[Finding]) -> list[tuple[str, str, str]]:
        return [(each.check, each.result.value, each.detail) for each in findings]

    return rows
