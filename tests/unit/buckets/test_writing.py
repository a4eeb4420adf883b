"""An object on its way into a bucket, and the completion that nobody heard of."""

from __future__ import annotations

import re
from collections.abc import Sequence

import obstore
import pytest
from obstore.store import MemoryStore

from pacs_framework.buckets.address import Address
from pacs_framework.buckets.connecting import Stores
from pacs_framework.buckets.digests import digests_of
from pacs_framework.buckets.objects import Objects
from pacs_framework.buckets.writing import BucketWriter, StreamedUpload
from pacs_framework.errors import StorageError

PART = 100
KEY = "1/2/3-0.dcm"


class Place(Address):
    form, buckets, section = "x://B", re.compile("b"), "plugin.x"


@pytest.fixture
def objects() -> Objects:
    store = MemoryStore()
    return Objects(Place(bucket="b", prefix="p"), Stores(small=store, streams=store), {})


def writer(objects: Objects, *, read_back: bool = False) -> BucketWriter:
    def begin(key: str) -> StreamedUpload:
        return StreamedUpload(objects, key, part_size=PART)

    return BucketWriter(objects, KEY, begin, part_size=PART, read_back=read_back)


@pytest.mark.parametrize("read_back", [False, True])
@pytest.mark.parametrize(
    "pieces",
    [[], [b""], [b"a"], [b"", b"a"], [b"a" * PART], [b"a" * 60, b"b" * 60], [b"a" * 350, b"b"]],
)
def test_what_was_written_is_the_object(
    objects: Objects, pieces: Sequence[bytes], read_back: bool
) -> None:
    """In one piece, in many, in one request or in parts."""
    with writer(objects, read_back=read_back) as made:
        for piece in pieces:
            buffer = bytearray(piece)
            made.write(memoryview(buffer))
            buffer[:] = b"x" * len(buffer)  # what is written is not kept by reference
        made.commit()
    assert b"".join(objects.get(KEY).blocks) == b"".join(pieces)


def test_other_bytes_than_those_that_were_sent_are_no_success(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = obstore.put
    monkeypatch.setattr(obstore, "put", lambda s, p, _data, **more: put(s, p, b"other", **more))
    made = writer(objects, read_back=True)
    made.write(b"bytes")
    with pytest.raises(StorageError, match="the store gives back other bytes"):
        made.commit()


class Refused:
    """A file of obstore whose end the store has heard of before, or so it says."""

    def __init__(self, code: str) -> None:
        self.code = code

    def write(self, data: bytes) -> None:
        """Taken."""

    def close(self) -> None:
        raise OSError(f"400 Bad Request: <Code>{self.code}</Code>")


@pytest.mark.parametrize(
    ("code", "there", "kept"),
    [
        ("InvalidBlockList", b"x" * 250, True),
        ("NoSuchUpload", b"x" * 250, True),
        ("InvalidBlockList", b"x" * 249, False),
        ("AccessDenied", b"x" * 250, False),
    ],
)
def test_a_completion_that_nobody_heard_of_is_one(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, code: str, there: bytes, kept: bool
) -> None:
    """The parts are gone, and an object of their size is there."""
    monkeypatch.setattr(obstore, "open_writer", lambda *_, **__: Refused(code))
    made = writer(objects)
    made.write(b"x" * 250)
    objects.put(KEY, there, digests_of(there))
    if kept:
        made.commit()
    else:
        with pytest.raises(StorageError, match=code):
            made.commit()
