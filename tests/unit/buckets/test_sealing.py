"""Objects that are encrypted before they are sent: every range opens, nothing changed does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs_framework.buckets.sealing import (
    CHUNK,
    HEADER,
    Keys,
    SealingWriter,
    plain_size,
    stored_range,
    unsealed,
)
from pacs_framework.errors import StorageError
from pacs_framework.storage import ObjectWriter
from pacs_framework.testing.objects import content

KEY, OTHER = b"k" * 32, b"o" * 32


def keys_of(current: bytes, old: list[bytes] | None = None, *, label: bytes = b"keys") -> Keys:
    return Keys.of(current, old or [], label=label)


NAME = "1.2/3.4/5.6-0.dcm.aes"
KEYS = keys_of(KEY)
STORED = CHUNK + 16


class Kept(ObjectWriter):
    """What a writer was given."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += data

    def commit(self) -> None:
        """Nothing to do."""

    def abort(self) -> None:
        """Nothing to do."""


def sealed(data: bytes, *, keys: Keys = KEYS, piece: int = 1 << 20) -> bytes:
    kept = Kept()
    writer = SealingWriter(kept, keys, NAME)
    for start in range(0, len(data), piece):
        writer.write(data[start : start + piece])
    writer.commit()
    return bytes(kept.data)


def opened(
    stored: bytes, offset: int = 0, end: int | None = None, *, keys: Keys = KEYS, name: str = NAME
) -> bytes:
    cipher = keys.cipher(stored[:HEADER], name)
    start, stop = stored_range(offset, end)
    pieces = iter([stored[start:stop][:70], stored[start:stop][70:]])
    return b"".join(unsealed(cipher, pieces, size=len(stored), offset=offset, end=end))


@settings(max_examples=60, deadline=None, database=None)
@given(
    size=st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7]),
    offset=st.integers(0, 3 * CHUNK + 20),
    length=st.none() | st.integers(1, 3 * CHUNK),
    piece=st.sampled_from([1000, CHUNK, CHUNK + 1, 1 << 20]),
)
def test_every_range_of_every_size_opens(
    size: int, offset: int, length: int | None, piece: int
) -> None:
    data = content(1, size)
    stored = sealed(data, piece=piece)
    end = None if length is None else offset + length
    assert plain_size(len(stored)) == size
    same = opened(stored, offset, end) == data[offset:end]
    assert same


def test_two_objects_of_the_same_bytes_have_nothing_in_common() -> None:
    one, other = sealed(b"x" * 100), sealed(b"x" * 100)
    assert one[64:] != other[64:]


@pytest.mark.parametrize("place", [0, 9, 17, 50, 63, HEADER, HEADER + 100, HEADER + STORED, -1])
def test_a_flipped_bit_is_found_wherever_it_is(place: int) -> None:
    stored = bytearray(sealed(content(1, 2 * CHUNK + 9)))
    stored[place] ^= 1
    with pytest.raises(StorageError, match="sealed"):
        opened(bytes(stored))


@pytest.mark.parametrize("left", [0, 63, HEADER, HEADER + 5, HEADER + STORED, HEADER + 2 * STORED])
def test_a_cut_object_does_not_open(left: int) -> None:
    """Also where whole chunks are missing at its end."""
    with pytest.raises(StorageError, match="damaged or changed"):
        opened(sealed(content(1, 2 * CHUNK + 9))[:left])


def test_chunks_do_not_change_places() -> None:
    stored = sealed(content(1, 3 * CHUNK))
    one, two = stored[HEADER:][:STORED], stored[HEADER + STORED :][:STORED]
    with pytest.raises(StorageError, match="damaged or changed"):
        opened(stored[:HEADER] + two + one + stored[HEADER + 2 * STORED :])


def test_an_object_does_not_open_under_another_name() -> None:
    with pytest.raises(StorageError, match="damaged or changed"):
        opened(sealed(b"x"), name=NAME.replace("5.6", "5.7"))


def test_without_its_key_an_object_says_which_one_it_wants() -> None:
    wanted = KEYS.current
    assert wanted is not None
    with pytest.raises(StorageError, match=f"with the key {wanted.hex()}, which is not here"):
        opened(sealed(b"x"), keys=keys_of(OTHER))


def test_an_old_key_still_opens_what_it_sealed() -> None:
    keys = keys_of(OTHER, [KEY])
    assert opened(sealed(b"x"), keys=keys) == b"x"
    assert opened(sealed(b"y", keys=keys), keys=keys_of(OTHER)) == b"y"


def test_keys_of_one_plugin_do_not_open_what_another_sealed() -> None:
    """The same secret in two sections makes two keys, and each says which one it wants."""
    with pytest.raises(StorageError, match="which is not here"):
        opened(sealed(b"x"), keys=keys_of(KEY, label=b"others"))
