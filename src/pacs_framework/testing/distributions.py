"""Distributions with plugins, written into a folder as pip would: real metadata, real modules."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["API_RANGE", "install_distribution"]

API_RANGE = ("pacs-framework>=0.1,<0.2",)
"""What a plugin requires that this kernel loads."""


def install_distribution(
    folder: Path,
    distribution: str,
    plugins: Mapping[str, str],
    *,
    version: str = "1.0",
    requires: Sequence[str] = API_RANGE,
    metadata: bool = True,
) -> None:
    """Install ``distribution`` into ``folder``; ``plugins`` maps names to the source of a module.

    The folder then goes on `sys.path` or ``PYTHONPATH``. ``metadata=False`` leaves out the file
    METADATA, as a broken installation does.
    """
    stem = distribution.replace("-", "_")
    info = folder / f"{stem}-{version}.dist-info"
    info.mkdir(parents=True)
    modules = {name: f"{stem}_{name.replace('-', '_')}" for name in plugins}
    lines = ["[pacs.plugins]", *(f"{name} = {module}" for name, module in modules.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines), "utf-8")
    if metadata:
        head = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
        head += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join([*head, "", ""]), "utf-8")
    for name, source in plugins.items():
        (folder / f"{modules[name]}.py").write_text(textwrap.dedent(source), "utf-8")
