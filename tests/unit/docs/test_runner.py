"""What runs the examples finds a page that does not tell the truth."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_pages import ROOT, blocks
from doc_runner import PageRun, commands

from pacs_framework.testing.forked import Nursery

LIES = {
    "a command that prints something else": "```console\n$ echo one\ntwo\n```",
    "a command that prints it in another order": "```console\n$ printf 'a\\nb\\n'\nb\na\n```",
    "a command that fails": "```console\n$ false\n```",
    "a command that should fail": "<!-- exit code: 1 -->\n```console\n$ true\n```",
    "a pipe whose first part fails": "```console\n$ false | cat\n```",
    "a distribution that does not exist": "```console\n$ pip install pacs-teleport\n```",
    "a folder that is not there": "```console\n$ cd nowhere\n```",
    "python that raises": "```python\nassert 1 == 2\n```",
    "toml that is none": "```toml\n[archive\n```",
    "a setting that does not exist": '```toml\n[archive]\naett = "X"\n```',
    "an archive that does not start": "```console\n$ pacs serve --config missing.toml\n```",
}


def page_of(tmp_path: Path, text: str) -> Path:
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\n{text}\n", "utf-8")
    return page


@pytest.fixture
def at_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pages of these tests are not below the repository."""
    monkeypatch.setattr("doc_pages.ROOT", tmp_path)


@pytest.mark.usefixtures("at_root")
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_lie_is_found(lie: str, tmp_path: Path, nursery: Nursery) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with pytest.raises((AssertionError, ValueError, FileNotFoundError)):
        PageRun(page_of(tmp_path, lie), folder, nursery).run()


TRUE = """\
<!-- not run: needs root -->
```console
$ false
```

<!-- file: notes/a.txt -->
```ini
one 11112
two
```

```console
$ cat notes/a.txt
one 11112
…
$ cd notes
$ sed -n \\
    2p a.txt
two
```

<!-- exit code: 3 -->
```console
$ exit 3
```

```python
from pathlib import Path

here = Path.cwd().name
```

```python
assert here == "notes"
```
"""


@pytest.mark.usefixtures("at_root")
def test_a_true_page_runs_and_what_is_not_run_is_not(tmp_path: Path, nursery: Nursery) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    PageRun(page_of(tmp_path, TRUE), folder, nursery).run()
    assert "11112" not in (folder / "notes/a.txt").read_text("utf-8")


@pytest.mark.usefixtures("at_root")
def test_a_comment_belongs_right_above_a_block(tmp_path: Path) -> None:
    page = page_of(tmp_path, "<!-- file: a.txt -->\nA sentence.\n\n```toml\n```")
    with pytest.raises(AssertionError, match="right above a block"):
        blocks(page)


def test_the_lines_below_a_command_are_what_it_prints() -> None:
    page = ROOT / "docs/tutorial/first-archive.md"
    typed = dict(pair for b in blocks(page) if b.language == "console" for pair in commands(b))
    assert typed["pacs store 127.0.0.1 11112 --aec PACS ~/studies"] == [
        "5 stored (0 with a warning), 0 failed, 0 skipped"
    ]
