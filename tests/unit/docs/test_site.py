"""The site builds from the pages as they are, and needs nothing from elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from doc_pages import PAGES, ROOT, relative
from doc_tools import tool


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once, every warning an error, in a process that inherits no test's state."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, ROOT / "tools/docs_site.py", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or done.stdout
    return folder


def test_every_page_is_in_the_site_and_in_its_navigation(site: Path) -> None:
    first = (site / "docs/README.html").read_text("utf-8")
    for page in PAGES:
        address = Path(relative(page)).with_suffix(".html")
        assert (site / address).is_file(), address
        if relative(page) != "docs/README.md":
            link = re.escape(str(address).removeprefix("docs/"))
            assert re.search(rf'class="reference internal" href="(?:\.\./)?{link}"', first), address


def test_the_first_page_is_where_a_browser_looks(site: Path) -> None:
    assert "url=docs/README.html" in (site / "index.html").read_text("utf-8")


def test_a_browser_fetches_nothing_from_elsewhere(site: Path) -> None:
    assert list(tool("docs_site").fetched_from_elsewhere(site)) == []


@pytest.mark.parametrize(
    "markup",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/x.css">',
        "<img src=http://pictures.example/x.png>",
    ],
)
def test_what_would_be_fetched_from_elsewhere_is_found(markup: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(f'<a href="https://dicom.example/">x</a>{markup}', "utf-8")
    assert len(list(tool("docs_site").fetched_from_elsewhere(tmp_path))) == 1


def test_words_of_the_pages_can_be_searched(site: Path) -> None:
    index = (site / "searchindex.js").read_text("utf-8")
    found = json.loads(index[index.index("(") + 1 : index.rindex(")")])
    assert "docs/how-to/back-up" in found["docnames"]
    assert "reindex" in found["terms"]


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important", "utf-8")
    with pytest.raises(SystemExit, match="no site"):
        tool("docs_site").build(tmp_path)
    assert (tmp_path / "thesis.txt").exists()
