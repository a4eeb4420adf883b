"""The pages of the repository, taken apart: fenced blocks, headings, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["PAGES", "ROOT", "Block", "anchors", "blocks", "links", "relative"]

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    page
    for page in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("bench/*.md"),
        *ROOT.glob("plugins/*/README.md"),
    ]
)

_FENCE = re.compile(r"^(?P<indent> *)(?P<mark>`{3,})(?P<language>\S*)")
_COMMENT = re.compile(r"^ *<!-- (?P<key>not run|needs|file|exit code): (?P<value>.+?) -->$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: its language, its text, and the comments right above it.

    ``file`` is the name under which the reader is told to save it, ``not_run`` the reason why no
    test runs it, ``needs`` a program that this machine may lack, ``exit_code`` what its last
    command ends with.
    """

    page: Path
    line: int
    language: str
    text: str
    file: str = ""
    not_run: str = ""
    needs: str = ""
    exit_code: int = 0

    @property
    def where(self) -> str:
        """The page and the line of the block, for messages."""
        return f"{relative(self.page)}:{self.line}"


def relative(page: Path) -> str:
    """The page's path from the root of the repository."""
    return str(page.relative_to(ROOT))


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """Every fenced block of the page, in order."""
    return tuple(_blocks(page))


def _blocks(page: Path) -> Iterator[Block]:
    lines = iter(enumerate(page.read_text("utf-8").splitlines(), start=1))
    notes: dict[str, str] = {}
    for number, line in lines:
        if comment := _COMMENT.match(line):
            notes[comment["key"]] = comment["value"]
        elif fence := _FENCE.match(line):
            text = []
            for _, inner in lines:
                if inner.strip() == fence["mark"]:
                    break
                text.append(inner.removeprefix(fence["indent"]))
            yield Block(
                page=page,
                line=number,
                language=fence["language"],
                text="".join(f"{inner}\n" for inner in text),
                file=notes.pop("file", ""),
                not_run=notes.pop("not run", ""),
                needs=notes.pop("needs", ""),
                exit_code=int(notes.pop("exit code", "0")),
            )
            assert not notes, f"{relative(page)}:{number}: {notes}"
        elif line.strip():
            assert not notes, f"{relative(page)}:{number}: a comment belongs right above a block"


def _prose(page: Path) -> str:
    """The page without its fenced blocks, comments and inline code."""
    text = re.sub(
        r"^( *)(`{3,}).*?^ *\2$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


@cache
def anchors(page: Path) -> frozenset[str]:
    """The addresses of the headings, as code hosts make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,4} +(.+?)\s*$", _prose(page), flags=re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        number = 0
        while (unique := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(unique)
    return frozenset(found)


def links(page: Path) -> list[tuple[str, str]]:
    """Path and anchor of every link that stays in the repository; either may be empty."""
    text = re.sub(r"`[^`\n]*`", "", _prose(page))
    targets = re.findall(r"\]\(\s*([^)\s]+)[^)]*\)", text)
    inside = [target for target in targets if not re.match(r"[a-z][a-z0-9+.-]*:", target)]
    return [(path, anchor) for path, _, anchor in (t.partition("#") for t in inside)]
