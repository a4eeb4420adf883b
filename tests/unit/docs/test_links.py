"""Links lead somewhere: to a page that is there, and to a heading that it has."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_pages import PAGES, anchors, links, relative


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_between_pages_lead_to_a_file_and_to_a_heading(page: Path) -> None:
    dead = []
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        if not target.is_file():
            dead.append(f"{path}: no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            dead.append(f"{path}#{anchor}: no such heading")
    assert dead == []


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("## on_store(instance, settings)", "on_storeinstance-settings"),
        ("### `pacs serve`: [start](x.md) it", "pacs-serve-start-it"),
        ("## Two nodes · one archive", "two-nodes--one-archive"),
    ],
)
def test_an_anchor_is_what_a_code_host_makes_of_a_heading(
    heading: str, anchor: str, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{heading}\n\n{heading}\n", "utf-8")
    assert anchors(page) == {"title", anchor, f"{anchor}-1"}


def test_every_page_of_docs_can_be_reached_from_the_first() -> None:
    """By links alone, as a reader on a code host follows them."""
    start = next(page for page in PAGES if relative(page) == "docs/README.md")
    seen, todo = {start}, [start]
    while todo:
        page = todo.pop()
        near = {(page.parent / path).resolve() for path, _ in links(page) if path.endswith(".md")}
        near = {found for found in near if found.is_file()}
        todo += near - seen
        seen |= near
    assert [relative(page) for page in PAGES if page not in seen] == []
