"""The journal of keys that are on their way in, on a disk that fails, and after a power cut."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pacs_framework.archive import journal as module
from pacs_framework.archive.incoming import origin_text
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


# --- torn lines -----------------------------------------------------------------------------------


def keys(folder: Path) -> list[str]:
    return [pending.key for pending in read_journal(folder)]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The file of a journal of three keys, whose process has been killed."""
    journal = Journal(tmp_path / "journal")
    for key in ("first", "second", "third"):
        journal.mark(key, ORIGIN)
    journal.close()
    (file,) = (tmp_path / "journal").glob("*/*.jsonl")
    return file


def lines_of(whole: bytes) -> dict[str, tuple[int, int]]:
    """Where the text of each key begins and ends."""
    return {
        key: (start, whole.index(b"]", start) + 1)
        for key in ("first", "second", "third")
        for start in [whole.index(f'["{key}'.encode())]
    }


def test_a_line_that_was_cut_at_any_byte_hides_no_other(written: Path) -> None:
    """What a process has appended behind it is found, as is what was there before."""
    whole = written.read_bytes()
    _, end = lines_of(whole)["second"]
    (next_begin, _), (_, last_end) = lines_of(whole)["third"], lines_of(whole)["first"]
    framing = whole[end + 1 : next_begin]  # what comes with the third line
    for cut in range(last_end + 1, end + 2):
        written.write_bytes(whole[:cut] + framing + whole[next_begin:])
        expected = ["first", *(["second"] if cut >= end else []), "third"]
        assert keys(written.parent) == expected, cut


def test_a_file_that_ends_at_any_byte_has_the_keys_before(written: Path) -> None:
    """Whether the file is shorter, or as long and empty from there on, as a file system leaves it
    that puts down the length before the bytes.
    """
    whole = written.read_bytes()
    lines = lines_of(whole)
    for cut in range(len(whole) + 1):
        before = [key for key, (_, end) in lines.items() if end <= cut]
        for left in (whole[:cut], whole[:cut].ljust(len(whole), b"\0")):
            written.write_bytes(left)
            assert keys(written.parent) == before


@pytest.mark.parametrize(("lost", "around"), [(1, 0), (64, 1)])
def test_bytes_that_are_lost_anywhere_hide_their_own_line_alone(
    written: Path, lost: int, around: int
) -> None:
    """Also a byte that ends a line: the next one begins by itself."""
    whole = written.read_bytes()
    for start in range(len(whole) - lost + 1):
        written.write_bytes(whole[:start] + bytes(lost) + whole[start + lost :])
        spared = [
            key
            for key, (begin, end) in lines_of(whole).items()
            if end + around <= start or begin - around >= start + lost
        ]
        assert keys(written.parent) == spared, start


def test_a_disk_that_is_full_in_the_middle_of_a_line_refuses_the_object(
    pacs_faulty_disk: FaultyDisk, tmp_path: Path
) -> None:
    """Else it would be on its way without a line; the next key has one, at whatever byte it was."""
    journal = Journal(tmp_path / "journal")
    expected = []
    for kept in range(len(f'["full-00",{origin_text(ORIGIN)}]') + 1):
        pacs_faulty_disk.tear("write", kept, path="*.jsonl", times=1)
        pacs_faulty_disk.fail("write", errno.ENOSPC, path="*.jsonl", times=1)
        with pytest.raises(OSError, match="No space left"):
            journal.mark(f"full-{kept:02}", ORIGIN)
        pacs_faulty_disk.heal()
        journal.mark(f"next-{kept:02}", ORIGIN)
        expected.append(f"next-{kept:02}")
    (folder,) = (each for each in (tmp_path / "journal").iterdir() if each.is_dir())
    assert [key for key in keys(folder) if key.startswith("next")] == expected
    journal.close()


def test_a_write_in_two_pieces_is_whole(pacs_faulty_disk: FaultyDisk, tmp_path: Path) -> None:
    """The system may write less than it was given, and no error."""
    journal = Journal(tmp_path / "journal")
    pacs_faulty_disk.tear("write", 5, path="*.jsonl", times=1)
    journal.mark("first", ORIGIN)
    (folder,) = (each for each in (tmp_path / "journal").iterdir() if each.is_dir())
    assert keys(folder) == ["first"]
    journal.close()


def test_a_journal_of_an_older_version_is_read(tmp_path: Path) -> None:
    """Its lines had a newline behind them alone."""
    text = "".join(f'["{key}",{origin_text(ORIGIN)}]\n' for key in ("a", "b"))
    (tmp_path / "1.jsonl").write_text(text)
    assert keys(tmp_path) == ["a", "b"]
