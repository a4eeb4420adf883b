"""What the metadata of a plugin says, before anything of it is imported."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pacs_framework import __version__
from pacs_framework.authoring.names import PREFIX, PluginName
from pacs_framework.authoring.project import kernel_range
from pacs_framework.authoring.report import Finding, failed, fine, warning
from pacs_framework.authoring.sources import Sources
from pacs_framework.authoring.target import Target
from pacs_framework.errors import ConfigurationError
from pacs_framework.plugins.discovery import GROUP, KERNEL, discover

__all__ = ["check_files", "check_metadata"]

_UPPER = {"<", "<=", "==", "~=", "==="}


def check_metadata(target: Target) -> Iterator[Finding]:
    """Entry point, name, API range and licence."""
    yield from _entry_point(target)
    if target.name:
        yield from _name(target)
    yield from _api_range(target)
    yield from _licence(target)


def _entry_point(target: Target) -> Iterator[Finding]:
    points = target.plugins
    if not points:
        yield failed(
            "entry point",
            f'there is none: add [project.entry-points."{GROUP}"] with '
            f'NAME = "your_package.plugin" to pyproject.toml, and install again',
        )
    elif len(points) > 1:
        names = ", ".join(sorted(point.name for point in points))
        yield failed(
            "entry point",
            f"there are {len(points)} ({names}): whoever wants one of them gets all; make a "
            f"distribution of each",
        )
    else:
        yield fine("entry point", f"{points[0].name} = {points[0].value}")


def _name(target: Target) -> Iterator[Finding]:
    claimants = {each.distribution for each in discover() if each.name == target.name}
    if len(claimants) > 1:
        names = " and ".join(sorted(claimants))
        yield failed("name", f"{target.name!r} is claimed by {names}; uninstall one, or rename")
        return
    try:
        PluginName.parse(target.name)
    except ConfigurationError as error:
        yield failed("name", str(error))
        return
    distribution = canonicalize_name(target.distribution.name)
    if distribution != PREFIX + target.name:
        yield fine("name", f"{target.name}, in the distribution {distribution}")
    else:
        yield fine("name", target.name)


def _api_range(target: Target) -> Iterator[Finding]:
    declared = SpecifierSet()
    for line in target.distribution.requires or ():
        requirement = Requirement(line)
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and canonicalize_name(requirement.name) == KERNEL:
            declared &= requirement.specifier
    remedy = f"write {KERNEL}{kernel_range()}"
    if not str(declared):
        yield failed("API range", f"no version of {KERNEL} is required: {remedy}")
    elif not declared.contains(__version__, prereleases=True):
        yield failed("API range", f"{declared} does not hold this kernel, {__version__}")
    elif not any(each.operator in _UPPER for each in declared):
        yield failed(
            "API range",
            f"{declared} has no upper bound, so the next kernel would load a plugin that was "
            f"not written for it: {remedy}",
        )
    else:
        yield fine("API range", f"{declared} holds {__version__}")


def _licence(target: Target) -> Iterator[Finding]:
    metadata = target.distribution.metadata
    stated = metadata.get("License-Expression") or metadata.get("License")
    classifiers = metadata.get_all("Classifier") or []
    if stated or any(each.startswith("License ::") for each in classifiers):
        yield fine("licence", str(stated or "by classifier").partition("\n")[0])
    else:
        yield warning(
            "licence",
            'the metadata states none: add license = "…" to [project], '
            '"LicenseRef-Proprietary" for a closed one',
        )


def check_files(target: Target, sources: Sources) -> Iterator[Finding]:
    """What is installed, and whether its types can be used."""
    for name in sources.missing:
        yield failed("files", f"an entry point names the package {name!r}, which is not installed")
    if sources.beside:
        yield warning(
            "files",
            f"installs {', '.join(sources.beside)} beside its own package; keep the wheel to "
            f"{', '.join(sorted(target.packages))}",
        )
    if sources.untyped:
        yield warning(
            "files", f"{', '.join(sources.untyped)} has no py.typed: types are lost to its users"
        )
    if not (sources.missing or sources.beside or sources.untyped):
        yield fine("files", f"{len(sources.modules)} modules in {', '.join(target.packages)}")
