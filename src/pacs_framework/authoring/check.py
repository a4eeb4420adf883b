"""Everything that is asked of a plugin, in one report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pacs_framework import __version__
from pacs_framework.authoring.dependencies import check_imports
from pacs_framework.authoring.metadata import check_files, check_metadata
from pacs_framework.authoring.probe import probe
from pacs_framework.authoring.report import Finding, Report
from pacs_framework.authoring.sources import find_sources
from pacs_framework.authoring.suites import Progress, check_suites, required_suites
from pacs_framework.authoring.target import Target

__all__ = ["check_plugin"]


def _silent(_done: int, _total: int) -> None:
    """Nobody is watching."""


def check_plugin(
    target: Target,
    *,
    config: Path | None = None,
    timeout: float = 60.0,
    progress: Progress = _silent,
) -> Report:
    """Check one installed plugin, in processes of its own where its code runs.

    config: a TOML file with a section of the plugin, for hooks that are idle without one.
    timeout: seconds that any single step or law may take.
    progress: told how many laws of the contract suites are done, and of how many.
    """
    return Report(
        plugin=target.name,
        distribution=target.distribution.name,
        version=target.distribution.version,
        kernel=__version__,
        findings=[*_findings(target, config, timeout, progress)],
    )


def _findings(
    target: Target, config: Path | None, timeout: float, progress: Progress
) -> Iterator[Finding]:
    yield from check_metadata(target)
    if not target.name:
        return
    sources = find_sources(target)
    yield from check_files(target, sources)
    yield from check_imports(target, sources)
    provides: set[str] = set()
    for finding in probe(target, config=config, timeout=timeout):
        if finding.facts.get("provides"):
            provides.add(finding.check)
        yield finding
    yield from check_suites(target, required_suites(provides), timeout=timeout, progress=progress)
