"""Every printed example runs, and those that cannot are counted with their reasons."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import pytest
from doc_pages import PAGES, ROOT, Block, blocks, relative
from doc_runner import RUN, PageRun

from pacs_framework.cli.main import main
from pacs_framework.testing.forked import Nursery
from pacs_framework.testing.postgres import PostgresMissing

# Words that a command begins with: where no test looks, none of them may stand.
PROGRAMS = (
    "pip", "python", "python3", "pytest", "sudo", "systemctl", "journalctl",
    "echoscu", "storescu", "findscu", "getscu", "movescu", "storescp", "dcmdump", "dcmsend",
)  # fmt: skip

# What a reason for not running an example may begin with.
REASONS = (
    "needs root",
    "needs the network",
    "needs a running",
    "needs Cython",
    "needs a PostgreSQL",
    "needs a stored CT series",
    "needs models of yours",
)

EXAMPLES = [
    page for page in PAGES if any(b.language in RUN and not b.not_run for b in blocks(page))
]
BLOCKS = [block for page in PAGES for block in blocks(page)]


@pytest.mark.timeout(360)  # long pages start a dozen processes each, and machines may be busy
@pytest.mark.parametrize("page", EXAMPLES, ids=relative)
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path, nursery: Nursery) -> None:
    run = PageRun(page, tmp_path, nursery)
    if lacking := run.lacks():
        pytest.skip(f"DCMTK's {', '.join(sorted(lacking))} is not installed")
    try:
        run.run()
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    if run.missing:
        pytest.skip(f"not all of it: {', '.join(run.missing)} is not installed")


def test_what_is_not_run_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Few, and each with a reason that a reader understands."""
    run = [b for b in BLOCKS if b.language in RUN and not b.not_run]
    left_out = [b for b in BLOCKS if b.not_run]
    assert [b.where for b in left_out if not b.not_run.startswith(REASONS)] == []
    assert len(left_out) < len(run) / 5
    lines = [f"examples: {len(run)} blocks run, {len(left_out)} do not:"]
    lines += [f"  {block.where}: {block.not_run}" for block in left_out]
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *lines, ""]))


def test_what_a_block_needs_is_one_program() -> None:
    """Anything else is never there, and the block would be skipped everywhere."""
    odd = [block.where for block in BLOCKS if not re.fullmatch(r"[\w.-]*", block.needs)]
    assert odd == []


def without_prompt(block: Block) -> bool:
    return block.language not in RUN and any(
        line.removeprefix("$ ").split(" ")[0] in PROGRAMS for line in block.text.splitlines()
    )


def test_a_block_that_no_test_runs_shows_no_command() -> None:
    """A fence without a language is an outline or an output."""
    assert [block.where for block in BLOCKS if without_prompt(block)] == []


def mentioned(page: Path) -> set[str]:
    """``pacs COMMAND …`` wherever a page mentions it: in a sentence, a table, an outline."""
    text = page.read_text("utf-8")
    inline = re.findall(r"`(pacs [^`\n]+)`", text)
    outlined = [
        line
        for block in blocks(page)
        if block.language not in RUN
        for line in re.findall(r"^(?:\$ )?(pacs .+?)(?: {2,}.*)?$", block.text, re.MULTILINE)
    ]
    return {*inline, *outlined}


def unknown(line: str, page: Path) -> str:
    """The first word of a command line that `pacs` does not know; empty when it knows all."""
    command: click.Command = main
    context = click.Context(main, info_name="pacs")
    for word in line.split()[1:]:
        if word.startswith("--"):
            known = {opt for p in command.params for opt in p.opts} | {"--help"}
            if word.split("=")[0] not in known:
                return word
        elif isinstance(command, click.Group) and word.isalnum() and word.islower():
            if f'@click.command("{word}")' in page.read_text("utf-8"):
                return ""  # the page itself makes this command
            found = command.get_command(context, word)
            if found is None:
                return word
            command = found
    return ""


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_each_command_that_a_page_mentions_is_there(page: Path) -> None:
    """With the options that it mentions."""
    wrong = {line: unknown(line, page) for line in mentioned(page)}
    assert {line: word for line, word in wrong.items() if word} == {}


def test_each_target_of_make_that_a_page_names_is_there() -> None:
    """Lists of them are not run: they would test, build and measure everything."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = {
        found
        for block in BLOCKS
        for found in re.findall(r"^(?:\$ )?make ([a-z]+)", block.text, re.MULTILINE)
    }
    assert len(named) > 4
    assert named <= targets
