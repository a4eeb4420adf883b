"""Build the documentation as a static site into ``site/``, every warning an error.

    python tools/docs_site.py [FOLDER]

The site needs no network: no font, script or style comes from elsewhere, which is checked here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_MADE_BY_SPHINX = ".buildinfo"

# What a browser fetches by itself when it shows a page; <a href> is the reader's to follow.
_FETCHED = re.compile(
    r"<(?:script|img|iframe|source|object|embed)\b[^>]*\b(?:src|data)=[\"']?(?P<src>[^\"'\s>]+)"
    r"|<link\b[^>]*\bhref=[\"']?(?P<href>[^\"'\s>]+)"
    r"|@import\s+(?:url\()?[\"']?(?P<style>[^\"')]+)",
    re.IGNORECASE,
)


def build(target: Path) -> None:
    """Run Sphinx from scratch; SystemExit with its code when anything is wrong."""
    _make_room(target)
    options = ["-W", "--keep-going", "-q", "-j", "2", "-b", "html", "-c", ROOT / "docs"]
    with tempfile.TemporaryDirectory(prefix="pacs-docs-") as cache:
        command = [sys.executable, "-m", "sphinx", *map(str, [*options, "-d", cache, ROOT, target])]
        done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def _make_room(target: Path) -> None:
    """Remove the site of an earlier run, with pages that are gone by now; nothing else."""
    if (target / _MADE_BY_SPHINX).exists():
        shutil.rmtree(target)
    elif target.exists() and any(target.iterdir()):
        sys.exit(f"{target} holds something that is no site; give another folder")


def fetched_from_elsewhere(site: Path) -> Iterator[str]:
    """Page and address of everything that a browser would fetch over the network."""
    for page in sorted([*site.rglob("*.html"), *site.rglob("*.css")]):
        for found in _FETCHED.finditer(page.read_text("utf-8")):
            address = next(filter(None, found.groups()))
            if re.match(r"(?:\w+:)?//", address):
                yield f"{page.relative_to(site)}: {address}"


def main(arguments: list[str]) -> None:
    """Build, check, and say where the site is."""
    if len(arguments) > 1 or any(a.startswith("-") for a in arguments):
        sys.exit((__doc__ or "").strip())
    target = Path(arguments[0]) if arguments else ROOT / "site"
    build(target)
    if elsewhere := list(fetched_from_elsewhere(target)):
        sys.exit("the site would fetch from the network:\n" + "\n".join(elsewhere))
    print(f"{target / 'index.html'}: {len(list(target.rglob('*.html')))} pages")


if __name__ == "__main__":
    main(sys.argv[1:])
