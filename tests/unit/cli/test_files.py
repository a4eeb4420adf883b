"""Which file becomes which, for commands that make a new one of each."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pacs_framework.cli.files import file_tasks, sentence_of


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def places(paths: list[Path], output: Path, suffix: str = "") -> list[str]:
    tasks = file_tasks(paths, output, suffix=suffix)
    return [str(task.destination.relative_to(output)) for task in tasks if not task.refused]


def test_files_of_a_folder_keep_their_places_in_order(tmp_path: Path) -> None:
    """Those that are named alone have none, and stand at the top."""
    folder, alone = tmp_path / "study", tmp_path / "else" / "where" / "4.dcm"
    touch(folder / "2.dcm", folder / "1.dcm", folder / "series" / "3.dcm", alone)
    assert places([folder, alone], tmp_path / "out") == ["1.dcm", "2.dcm", "series/3.dcm", "4.dcm"]


def test_pipes_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    """Whoever opens one waits for somebody to write into it."""
    folder = tmp_path / "study"
    touch(folder / "1.dcm")
    os.mkfifo(folder / "2.dcm")
    assert places([folder], tmp_path / "out") == ["1.dcm"]


@pytest.mark.parametrize("output", [".", "out", "series/out"])
def test_the_output_folder_is_not_looked_into(tmp_path: Path, output: str) -> None:
    """Unless it is the folder itself."""
    touch(tmp_path / "1.dcm", tmp_path / "series" / "2.dcm")
    out = tmp_path / output
    if output != ".":
        touch(out / "made.dcm")
    assert places([tmp_path], out) == ["1.dcm", "series/2.dcm"]


def test_of_two_that_would_have_one_name_the_second_is_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "a" / "1.dcm", tmp_path / "b" / "1.dcm"
    touch(one, other)
    first, second = file_tasks([one, other], tmp_path / "out")
    assert (first.source, first.refused) == (one, "")
    made = tmp_path / "out" / "1.dcm"
    assert second.refused == f"{one} is written to {made} too; give them apart"


def test_a_suffix_may_make_two_names_one(tmp_path: Path) -> None:
    touch(tmp_path / "a.dcm", tmp_path / "a.ima")
    _, second = file_tasks([tmp_path], tmp_path / "out", suffix=".png")
    assert second.refused.startswith(f"{tmp_path / 'a.dcm'} is written to")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.dcm", "a.png"),
        ("IM0001", "IM0001.png"),
        ("1.2.840.113619.2.1", "1.2.840.113619.2.1.png"),
        ("1.2.840.113619.2.1.dcm", "1.2.840.113619.2.1.png"),
        ("CT.1.2.3", "CT.1.2.3.png"),
    ],
)
def test_a_new_suffix_takes_the_place_of_one_and_of_no_number(
    tmp_path: Path, name: str, expected: str
) -> None:
    """Files are named by UIDs; those of one series would all have one name."""
    touch(tmp_path / name)
    assert places([tmp_path / name], tmp_path / "out", ".png") == [expected]


def test_what_went_wrong_is_one_sentence() -> None:
    there = FileExistsError(errno.EEXIST, "a file is there already", "out/1.dcm")
    assert sentence_of(there) == "out/1.dcm is there already; --overwrite replaces it"
    assert sentence_of(PermissionError(errno.EACCES, "Permission denied", "1.dcm")) == (
        "[Errno 13] Permission denied: '1.dcm'"
    )
