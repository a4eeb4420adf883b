"""How the pages become a site: Sphinx reads the repository itself, no page is copied.

Links between pages are relative paths, so they work on a code host and on the site alike. The
plugins' READMEs are pages where they lie.
"""
# ruff: noqa: INP001 - Sphinx wants this file beside the pages, and they are no package

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
_ABOUT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

project = _ABOUT["name"]
release = version = _ABOUT["version"]
project_copyright = "the authors of pacs-framework, MIT licence"

extensions = ["myst_parser"]
root_doc = "docs/README"

_PAGES = ("docs", "plugins", "bench", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")
include_patterns = [
    "docs/**.md",
    "plugins/*/README.md",
    "bench/README.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
# Sphinx walks every folder that is not named here: not those of an archive or an environment.
exclude_patterns = [
    *sorted(entry.name for entry in ROOT.iterdir() if entry.name not in _PAGES),
    "plugins/*/src",
    "plugins/*/tests",
]

# The address of a heading is the one that code hosts make; tests/unit/docs/test_links.py checks it.
myst_heading_anchors = 4

default_role = "code"

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_site/static"]
html_css_files = ["pages.css"]
templates_path = ["_site/templates"]
html_additional_pages = {"index": "to-start.html"}  # site/index.html leads to the first page
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "monokai"


# In the order of a reader's life; pages that are not named follow by name, so none is forgotten.
_NAVIGATION = {
    "Begin": ["docs/tutorial/first-archive", "docs/tutorial/first-plugin"],
    "Run a PACS": [
        "docs/how-to/compose-a-clinic",
        "docs/how-to/configure",
        "docs/how-to/production",
        "docs/how-to/two-nodes",
        "docs/how-to/back-up",
        "docs/how-to/check-and-rebuild",
        "docs/how-to/move-from-another-archive",
        "docs/how-to/conformance",
    ],
    "Write plugins": ["docs/how-to/write-a*", "docs/how-to/test-a-plugin", "docs/how-to/*"],
    "Plugins": ["docs/reference/plugins", "plugins/*/README"],
    "Reference": ["docs/reference/hooks", "docs/reference/*"],
    "Explanation": ["docs/explanation/architecture", "docs/explanation/*"],
    "Project": ["README", "CONTRIBUTING", "CHANGELOG", "bench/README"],
}

_TITLES = {"README": "The repository"}  # its own title is that of the site


def navigation() -> str:
    """The navigation as MyST tables of contents; each page once, where it stands first."""
    written = {str(p.relative_to(ROOT).with_suffix("")) for p in _pages()} - {root_doc}
    parts = []
    for caption, patterns in _NAVIGATION.items():
        lines = ["```{toctree}", ":hidden:", f":caption: {caption}", ""]
        for pattern in patterns:
            found = sorted(name for name in written if fnmatch(name, pattern))
            lines += [
                f"{_TITLES[name]} </{name}>" if name in _TITLES else f"/{name}" for name in found
            ]
            written.difference_update(found)
        parts.append("\n".join([*lines, "```\n"]))
    return "\n".join(parts)


def _pages() -> Iterator[Path]:
    for pattern in include_patterns:
        yield from ROOT.glob(pattern.replace("**.md", "**/*.md"))


def _add_navigation(app: Sphinx, name: str, source: list[str]) -> None:
    """On a code host the first page would show the navigation as text, so it is added here."""
    if name == app.config.root_doc:
        source[0] += f"\n{navigation()}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Nothing of ours keeps state, so pages may be read and written by several processes."""
    app.connect("source-read", _add_navigation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
