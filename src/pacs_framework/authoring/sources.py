"""The files of an installed distribution: its own modules, and what it puts beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pacs_framework.authoring.target import Target

__all__ = ["Sources", "edited_project", "find_sources"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Module name → file of every Python module of the distribution's own packages.

    ``missing`` are packages that its entry points name and that are not there; ``beside`` what it
    installs next to its packages, ``untyped`` packages without ``py.typed``.
    """

    modules: dict[str, Path]
    missing: tuple[str, ...]
    beside: tuple[str, ...]
    untyped: tuple[str, ...]


def find_sources(target: Target) -> Sources:
    """Where the code of ``target`` is; nothing of it is imported."""
    modules: dict[str, Path] = {}
    missing: list[str] = []
    untyped: list[str] = []
    for name in sorted(target.packages):
        spec = find_spec(name)  # a top-level name: finding it imports nothing
        if spec is None:
            missing.append(name)
        elif spec.submodule_search_locations is None:
            modules[name] = Path(spec.origin or "")
        else:
            folders = [Path(folder) for folder in spec.submodule_search_locations]
            modules |= {module: file for folder in folders for module, file in _below(name, folder)}
            if not any((folder / "py.typed").exists() for folder in folders):
                untyped.append(name)
    return Sources(
        modules=modules,
        missing=tuple(missing),
        beside=tuple(sorted(_installed(target) - target.packages)),
        untyped=tuple(untyped),
    )


def _below(package: str, folder: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.rglob("*.py")):
        parts = [*file.relative_to(folder).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        yield ".".join([package, *parts]), file


def _installed(target: Target) -> set[str]:
    """The names that the distribution adds to where imports are looked for."""
    if edited_project(target) is not None:
        return {name for folder in _linked_folders(target) for name in _importable(folder)}
    parts = {file.parts[0] for file in target.distribution.files or ()}
    return {
        part.removesuffix(".py")
        for part in parts
        if part not in ("..", "__pycache__") and not part.endswith((".dist-info", ".egg-info"))
    }


def edited_project(target: Target) -> Path | None:
    """The folder that an editable installation was made of; None for any other installation."""
    origin = json.loads(target.distribution.read_text("direct_url.json") or "{}")
    if not origin.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlsplit(origin.get("url", "")).path))


def _linked_folders(target: Target) -> Iterator[Path]:
    """The folders that an editable installation leads to.

    A folder that holds the whole project says nothing of what its wheel will hold.
    """
    for file in target.distribution.files or ():
        if file.suffix == ".pth":
            for line in Path(str(file.locate())).read_text("utf-8").splitlines():
                folder = Path(line)
                if folder.is_dir() and not (folder / "pyproject.toml").exists():
                    yield folder


def _importable(folder: Path) -> Iterator[str]:
    for path in folder.iterdir():
        if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py"))):
            yield path.stem
