"""Readers that are slow cost next to nothing, however much they asked for."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from bench import procfs

from pacs_framework.testing.factories import Archives
from pacs_framework.testing.instances import make_instance

_READERS = 10
_INSTANCES = 8
_SIDE = 2048
_SIZE = 2 * _SIDE * _SIDE
_BLOCK = 1 << 18
_ROUNDS = 16
_MOST_GROWTH = 64_000_000


def _ask(stack: ExitStack, url: str, path: str) -> socket.socket:
    """A reader with little room of its own, whose request is on its way."""
    place = urlsplit(url)
    reader = stack.enter_context(socket.socket())
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BLOCK)
    reader.settimeout(60)
    reader.connect((place.hostname, place.port))
    reader.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\n"
        'Accept: multipart/related; type="application/dicom"; transfer-syntax=*\r\n\r\n'.encode()
    )
    return reader


def _read(reader: socket.socket, size: int) -> int:
    """The next ``size`` bytes, fewer at the end."""
    count = 0
    while count < size and (block := reader.recv(size - count)):
        count += len(block)
    return count


@pytest.mark.timeout(300)
def test_memory_does_not_grow_while_slow_readers_take_a_study(
    pacs_archive: Archives, tmp_path: Path
) -> None:
    """Ten of them, who asked for 670 MB, and all stand in the middle of it."""
    archive = pacs_archive.served()
    folder = tmp_path / "study"
    folder.mkdir()
    instance = make_instance(Rows=_SIDE, Columns=_SIDE, PixelData=bytes(_SIZE))
    for number in range(_INSTANCES):
        instance.SOPInstanceUID = instance.file_meta.MediaStorageSOPInstanceUID = (
            f"{instance.SeriesInstanceUID[:50]}.{number}"
        )
        instance.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    stored = archive.run("store", archive.host, archive.port, folder)
    assert stored.returncode == 0, stored.stderr
    path = f"/dicom-web/studies/{instance.StudyInstanceUID}"
    with ExitStack() as stack:
        warm = _ask(stack, archive.doors["http"], path)
        assert _read(warm, _BLOCK) == _BLOCK
        before = procfs.reset_peak(archive.process.pid)
        readers = [_ask(stack, archive.doors["http"], path) for _ in range(_READERS)]
        for _ in range(_ROUNDS):
            assert [_read(reader, _BLOCK) for reader in readers] == [_BLOCK] * _READERS
        growth = procfs.peak_growth(before)
        # One who goes on gets all of it.
        assert (
            _read(readers[0], _INSTANCES * _SIZE - _ROUNDS * _BLOCK)
            == _INSTANCES * _SIZE - _ROUNDS * _BLOCK
        )
    assert growth < _MOST_GROWTH, f"{growth / 1e6:.0f} MB"
