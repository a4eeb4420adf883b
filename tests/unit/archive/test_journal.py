"""The journal of keys that are on their way in, on a disk that fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pacs_framework.archive import journal as module
from pacs_framework.archive.journal import Journal, read_journal
from pacs_framework.testing.arrivals import ORIGIN
from pacs_framework.testing.faulty_disk import FaultyDisk


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """One that begins another file for each key."""
    monkeypatch.setattr(module, "_ROTATE_BYTES", 1)
    return Journal(tmp_path / "journal")


@pytest.mark.parametrize("is_settled", [True, False])
def test_without_another_file_the_last_one_stays(
    journal: Journal, pacs_faulty_disk: FaultyDisk, tmp_path: Path, is_settled: bool
) -> None:
    """And nothing is closed twice: its descriptor may be somebody else's by then."""
    first = journal.mark("first", ORIGIN)
    if is_settled:
        first.settle()
    pacs_faulty_disk.fail("open", errno.EMFILE, path="*.jsonl")
    with pytest.raises(OSError, match="Too many open files"):
        journal.mark("second", ORIGIN)
    stranger = os.open(os.devnull, os.O_RDONLY)
    with pytest.raises(OSError, match="Too many open files"):
        journal.mark("second", ORIGIN)
    pacs_faulty_disk.heal()
    third = journal.mark("third", ORIGIN)
    os.close(stranger)  # it was still open
    (folder,) = (each for each in (tmp_path / "journal").iterdir() if each.is_dir())
    expected = {"third"} if is_settled else {"first", "third"}
    assert {pending.key for pending in read_journal(folder)} == expected
    if not is_settled:
        first.settle()
    third.settle()
    journal.close()
    assert list((tmp_path / "journal").iterdir()) == []


def test_a_file_that_cannot_be_removed_is_no_failure(
    journal: Journal, pacs_faulty_disk: FaultyDisk, tmp_path: Path
) -> None:
    """The instance is kept, and its sender must not hear anything else."""
    first = journal.mark("first", ORIGIN)
    second = journal.mark("second", ORIGIN)
    pacs_faulty_disk.fail("unlink", errno.EIO, path="*.jsonl")
    first.settle()
    pacs_faulty_disk.heal()
    second.settle()
    journal.close()
    assert list((tmp_path / "journal").iterdir()) == []
