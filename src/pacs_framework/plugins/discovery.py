"""Which plugins are installed: read from metadata alone, nothing is imported.

A plugin is an entry point in the group ``pacs.plugins``; its name is the name of the entry point.
The range of kernel versions it works with is the requirement on ``pacs-framework`` of its
distribution: the version of the kernel is the version of its plugin interface.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import importlib_metadata
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

__all__ = ["GROUP", "KERNEL", "Candidate", "discover", "needed_distributions"]

GROUP = "pacs.plugins"
KERNEL = "pacs-framework"

# Sections of the configuration and environment variables are made of the name, so one spelling
# must be enough to tell two plugins apart.
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An installed plugin that nothing was imported of yet.

    ``problem`` says why it cannot be loaded; empty when it can. ``entry_point`` is None only
    where there is a problem.
    """

    name: str
    distribution: str
    version: str
    entry_point: importlib_metadata.EntryPoint | None = None
    problem: str = ""


def discover(
    *, path: Sequence[str] | None = None, kernel_version: str | None = None
) -> list[Candidate]:
    """Every installed plugin, by name; what is wrong with one is written in its ``problem``.

    ``path`` are the folders to look in, `sys.path` when None. ``kernel_version`` is the version to
    gate against, the installed one when None.
    """
    kernel = kernel_version or importlib_metadata.version(KERNEL)
    found = [
        candidate
        for name, distribution in _distributions(path)
        for candidate in _candidates(name, distribution, kernel)
    ]
    return sorted(_without_shared_names(found), key=lambda c: (c.name, c.distribution))


def _distributions(
    path: Sequence[str] | None,
) -> Iterator[tuple[str, importlib_metadata.Distribution]]:
    """Each distribution with plugins once, by name: the one that an import would take, first on the
    path.

    An editable install may be seen twice, by its metadata and by a build left in its folder.
    """
    seen: set[str] = set()
    for distribution in _every(path):
        if f"[{GROUP}]" not in (distribution.read_text("entry_points.txt") or ""):
            continue
        name = _name_of(distribution)
        if canonicalize_name(name) in seen:
            continue
        seen.add(canonicalize_name(name))
        yield name, next(_every(path, name=name), distribution)


def _every(path: Sequence[str] | None, **filters: str) -> Iterator[importlib_metadata.Distribution]:
    where = {} if path is None else {"path": list(path)}
    found = importlib_metadata.distributions(**where, **filters)
    yield from cast("Iterable[importlib_metadata.Distribution]", found)


def _name_of(distribution: importlib_metadata.Distribution) -> str:
    """The name from the metadata, or from the folder where the metadata is missing or broken."""
    try:
        name: str | None = distribution.name
    except Exception:  # noqa: BLE001 - a broken distribution may raise anything; it gets a row
        name = None
    if name:
        return name
    # importlib_metadata has no public name for the folder of a distribution without metadata.
    return Path(str(getattr(distribution, "_path", "unknown"))).name.split("-")[0]


def _candidates(
    name: str, distribution: importlib_metadata.Distribution, kernel: str
) -> Iterator[Candidate]:
    """The plugins of one distribution; a distribution that cannot be read is one failed plugin."""
    try:
        entry_points = list(distribution.entry_points.select(group=GROUP))
        version, requirements = _version_and_requirements(distribution)
        problem = _range_problem(name, requirements, kernel)
    except Exception as error:  # noqa: BLE001 - a broken distribution may raise anything
        reason = f"its metadata cannot be read: {type(error).__name__}: {error}"
        yield Candidate(name=name, distribution=name, version="?", problem=reason)
        return
    for entry_point in entry_points:
        yield Candidate(
            name=entry_point.name,
            distribution=name,
            version=version,
            entry_point=entry_point,
            problem=_name_problem(entry_point.name) or problem,
        )


def _name_problem(name: str) -> str:
    if _NAME.fullmatch(name):
        return ""
    return (
        f"the name {name!r} of its entry point is not made of lower-case letters, digits and "
        f"single hyphens"
    )


def _version_and_requirements(
    distribution: importlib_metadata.Distribution,
) -> tuple[str, Sequence[str]]:
    """Of one reading: each property of the distribution parses its metadata, README and all."""
    metadata = distribution.metadata
    stated = metadata.get_all("Requires-Dist") or distribution.requires  # an .egg-info's own file
    return metadata["Version"], stated or []


def _range_problem(name: str, requirements: Sequence[str], kernel: str) -> str:
    """Why the declared range of kernel versions does not let the plugin in; empty if it does."""
    declared = _declared_range(requirements)
    if not str(declared):
        release = kernel.split(".")
        example = f"{KERNEL}>={'.'.join(release[:2])},<{_next_minor(release)}"
        return (
            f"declares no API range: add a requirement such as {example!r} to the dependencies "
            f"of {name!r}"
        )
    if declared.contains(kernel, prereleases=True):
        return ""
    return f"needs {KERNEL} {declared}, but this is {kernel}"


def needed_distributions(requirements: Sequence[str]) -> frozenset[str]:
    """The normalised names of what a distribution requires, but for the kernel."""
    needed = {canonicalize_name(each.name) for each in _applying(requirements)}
    return frozenset(needed - {KERNEL})


def _declared_range(requirements: Sequence[str]) -> SpecifierSet:
    """All specifiers on the kernel that hold without extras; empty where there is none."""
    declared = SpecifierSet()
    for requirement in _applying(requirements):
        if canonicalize_name(requirement.name) == KERNEL:
            declared &= requirement.specifier
    return declared


def _applying(requirements: Sequence[str]) -> Iterator[Requirement]:
    """The requirements that hold here without extras. Raises ValueError for one that is none."""
    for line in requirements:
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            raise ValueError(f"requirement {line!r} is not valid") from error
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


def _next_minor(release: Sequence[str]) -> str:
    major, minor = (release[0], release[1]) if len(release) > 1 else (release[0], "0")
    return f"{major}.{int(minor) + 1}"


def _without_shared_names(found: Sequence[Candidate]) -> list[Candidate]:
    """Fail all plugins of a name that is claimed more than once, naming every claimant."""
    claims = Counter(candidate.name for candidate in found)
    claimants: defaultdict[str, list[str]] = defaultdict(list)
    for candidate in found:
        claimants[candidate.name].append(f"{candidate.distribution} {candidate.version}")
    return [
        candidate
        if claims[candidate.name] == 1
        else replace(
            candidate,
            problem=(
                f"the name {candidate.name!r} is claimed by "
                f"{' and '.join(sorted(claimants[candidate.name]))}; uninstall all but one"
            ),
        )
        for candidate in found
    ]
