"""What a plugin imports against what its distribution declares.

In the author's environment everything is there, so an undeclared dependency goes unnoticed until
the first stranger installs the plugin.
"""

from __future__ import annotations

import sys
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import importlib_metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pacs_framework.authoring.imports import (
    Import,
    ImportKind,
    find_imports,
    find_private_uses,
)
from pacs_framework.authoring.report import Finding, failed, fine, warning
from pacs_framework.authoring.sources import Sources, edited_project
from pacs_framework.authoring.target import Target
from pacs_framework.plugins.discovery import GROUP, KERNEL

__all__ = ["check_imports"]

_KERNEL_PACKAGE = "pacs_framework"


def check_imports(target: Target, sources: Sources) -> Iterator[Finding]:
    """Dependencies, siblings and private names of the kernel."""
    try:
        found = find_imports(sources.modules)
        private = find_private_uses(sources.modules)
    except SyntaxError as error:
        yield failed("dependencies", f"{error.filename}:{error.lineno}: {error.msg}")
        return
    owners = _Owners()
    suites = {point.module for point in target.suites}
    code = [each for each in found if each.importer not in suites]
    yield from _dependencies(target, code, owners)
    yield from _tests(target, [each for each in found if each.importer in suites], owners)
    yield from _siblings(target, found, owners)
    if private:
        places = ", ".join(f"{use.name} ({use.place})" for use in private)
        yield failed("kernel names", f"private, and may change in any release: {places}")
    else:
        yield fine("kernel names", "public ones only")


class _Owners:
    """Which distributions a top-level name may come from."""

    def __init__(self) -> None:
        self._by_files = importlib_metadata.packages_distributions()
        self._plugins: defaultdict[str, set[str]] = defaultdict(set)
        # An editable installation has no list of files, but its entry points tell of its package.
        for point in importlib_metadata.entry_points(group=GROUP):
            if point.dist is not None:
                self._plugins[point.module.partition(".")[0]].add(
                    canonicalize_name(point.dist.name)
                )

    def of(self, top: str) -> set[str]:
        """Normalised names of distributions; empty when nobody is known to provide ``top``."""
        if top == _KERNEL_PACKAGE:
            return {KERNEL}
        by_files = {canonicalize_name(name) for name in self._by_files.get(top, ())}
        return by_files | self._plugins.get(top, set())

    def plugins_of(self, top: str) -> set[str]:
        """Those among them that are plugins of an archive."""
        return self._plugins.get(top, set())


@dataclass(frozen=True, slots=True)
class _Declared:
    """Normalised names of what is required: always, and by an extra alone."""

    always: frozenset[str]
    by_extra: frozenset[str]


def _declared(requirements: Iterable[str]) -> _Declared:
    always: set[str] = set()
    by_extra: set[str] = set()
    for line in requirements:
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        if requirement.marker is None or "extra" not in str(requirement.marker):
            always.add(name)  # also what another platform needs: it is declared
        else:
            by_extra.add(name)
    return _Declared(frozenset(always), frozenset(by_extra - always))


def _written(target: Target) -> list[str]:
    """What the pyproject.toml of an editable installation declares; nothing of any other one."""
    folder = edited_project(target)
    if folder is None:
        return []
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        return [str(Requirement(line)) for line in project.get("dependencies", ())]
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return []  # then there is nothing to compare with, and the metadata alone hold


def _foreign(found: Iterable[Import], own: set[str]) -> Mapping[str, list[Import]]:
    """Top-level name → imports, without the standard library and the plugin itself."""
    by_top: defaultdict[str, list[Import]] = defaultdict(list)
    for each in found:
        if each.top not in own and each.top not in sys.stdlib_module_names:
            by_top[each.top].append(each)
    return dict(sorted(by_top.items()))


def _dependencies(target: Target, found: list[Import], owners: _Owners) -> Iterator[Finding]:
    declared = _declared(target.distribution.requires or ())
    newer = _declared(_written(target)).always - declared.always
    foreign = _foreign(found, target.packages)
    problems = [
        finding
        for top, imports in foreign.items()
        if not owners.plugins_of(top)  # a sibling is another matter
        for finding in _undeclared(top, imports, owners.of(top), declared, newer)
    ]
    yield from problems
    provided = {name for top in foreign for name in owners.of(top)}
    unused = sorted(declared.always - provided - {KERNEL})
    if unused:
        yield warning(
            "dependencies",
            f"declared and never imported: {', '.join(unused)}; remove what is not needed",
            unused=unused,
        )
    if not problems and not unused:
        names = ", ".join(sorted(declared.always)) or "none"
        yield fine("dependencies", f"everything that is imported is declared ({names})")


def _undeclared(
    top: str,
    imports: list[Import],
    names: set[str],
    declared: _Declared,
    newer: Collection[str],
) -> Iterator[Finding]:
    """What is wrong with importing ``top``; nothing where one of its owners is declared.

    ``newer`` are names that the project declares by now, and its installed metadata do not.
    """
    if names & {*declared.always, KERNEL}:  # the kernel's own range is looked at by itself
        return
    needed = [each for each in imports if each.kind is ImportKind.NEEDED]
    place = (needed or imports)[0].place
    whose = " or ".join(repr(name) for name in sorted(names)) or "no installed distribution"
    if names & declared.by_extra:
        if needed:
            yield warning(
                "dependencies",
                f"{place} imports {top!r} without `try`, but only an extra brings {whose}",
            )
    elif names & set(newer):
        yield failed(
            "dependencies",
            f"{place} imports {top!r} of {whose}: declared in pyproject.toml, but the installed "
            f"metadata is older: run `pip install -e .` again",
            undeclared=sorted(names),
        )
    elif needed:
        yield failed(
            "dependencies",
            f"{place} imports {top!r} of {whose}, which is not declared: add it to "
            f"`dependencies`, also where the kernel happens to bring it",
            undeclared=sorted(names) or [top],
        )
    else:
        kind = "type checking" if imports[0].kind is ImportKind.TYPING else "a `try`"
        yield warning(
            "dependencies",
            f"{place} imports {top!r} of {whose} for {kind} alone, and it is not declared",
        )


def _tests(target: Target, found: list[Import], owners: _Owners) -> Iterator[Finding]:
    """Suites may use what the kernel's extra ``testing`` brings, besides what is declared."""
    declared = _declared(target.distribution.requires or ())
    kernel = importlib_metadata.distribution(KERNEL)
    brought = {
        canonicalize_name(Requirement(line).name)
        for line in kernel.requires or ()
        if "testing" in line.partition(";")[2]
    }
    known = declared.always | declared.by_extra | brought
    for top, imports in _foreign(found, target.packages).items():
        if not owners.of(top) & known and not owners.plugins_of(top):
            yield failed(
                "dependencies",
                f"{imports[0].place} imports {top!r}, which neither the plugin nor "
                f"{KERNEL}[testing] declares",
            )


def _siblings(target: Target, found: list[Import], owners: _Owners) -> Iterator[Finding]:
    declared = _declared(target.distribution.requires or ()).always
    siblings = [
        each
        for each in found
        if each.top not in target.packages
        and owners.plugins_of(each.top)
        and not _is_api(each, owners, declared)
    ]
    if siblings:
        places = ", ".join(f"{each.module} ({each.place})" for each in siblings)
        yield failed(
            "siblings",
            f"imports another plugin: {places}; an archive may be composed without it, so meet "
            f"it in the archive instead",
        )
    else:
        yield fine("siblings", "imports no other plugin")


def _is_api(found: Import, owners: _Owners, declared: frozenset[str]) -> bool:
    """Whether it is the module ``api`` of a plugin that is declared: that one is there to be built
    on, and installed with what is checked.
    """
    return found.module == f"{found.top}.api" and bool(owners.plugins_of(found.top) & declared)
