"""The multipart reader by itself: whatever the pieces are in which a body comes."""

from __future__ import annotations

import random

import pytest

from pacs_dicomweb.stow.parts import MultipartReader, checked_boundary
from pacs_http.api import Problem


class _Body:
    """A body that comes in pieces of up to ``most`` bytes, by lot."""

    def __init__(self, data: bytes, most: int, lot: random.Random) -> None:
        self._left, self._most, self._lot = data, most, lot

    def read(self, size: int) -> bytes:
        take = min(size, self._lot.randint(1, self._most))
        piece, self._left = self._left[:take], self._left[take:]
        return piece


def _encoded(parts: list[tuple[dict[str, str], bytes]], boundary: bytes) -> bytes:
    body = b"preamble\r\n"
    for headers, data in parts:
        head = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
        body += b"--" + boundary + b" \t\r\n" + head + b"\r\n" + data + b"\r\n"
    return body + b"--" + boundary + b"--\r\nepilogue"


def _read(body: _Body, boundary: bytes) -> list[tuple[dict[str, str], bytes]]:
    return [(dict(part.headers), b"".join(part.pieces)) for part in MultipartReader(body, boundary)]


def _tricky(lot: random.Random, boundary: bytes) -> bytes:
    """Content that nearly is a delimiter, over and over."""
    words = [b"\r\n", b"--", b"\r", b"\n", boundary, boundary[:-1], b"x", b"\r\n--" + boundary[:1]]
    made = b"".join(lot.choices(words, k=lot.randint(0, 60)))
    while (delimiter := b"\r\n--" + boundary) in b"\r\n" + made:
        made = made.replace(delimiter[2:], b"")
    return made


@pytest.mark.parametrize("seed", range(40))
def test_what_was_put_together_comes_apart_again(seed: int) -> None:
    """By pieces of any length, with content that looks like delimiters."""
    lot = random.Random(seed)
    boundary = b"-" * lot.randint(0, 4) + b"boundary"
    parts = [
        ({"content-type": "a/b", "x-number": str(n)} if n % 2 else {}, _tricky(lot, boundary))
        for n in range(lot.randint(1, 6))
    ]
    body = _encoded(parts, boundary)
    assert _read(_Body(body, lot.choice([1, 2, 7, 100, 1 << 18]), lot), boundary) == parts


@pytest.mark.parametrize("seed", range(20))
def test_a_body_that_ends_early_is_never_whole(seed: int) -> None:
    """Wherever it is cut, the last part is refused, and those before it are as they were."""
    lot = random.Random(seed)
    parts = [({}, lot.randbytes(lot.randint(1, 300)).replace(b"\r\n--b", b"")) for _ in range(3)]
    body = _encoded(parts, b"b")
    end = body.rindex(b"--")
    whole: list[bytes] = []
    reader = MultipartReader(_Body(body[: lot.randrange(end)], 50, lot), b"b")
    with pytest.raises(Problem) as caught:
        whole.extend(b"".join(part.pieces) for part in reader)
    assert caught.value.status == 400
    assert whole == [data for _, data in parts[: len(whole)]]


@pytest.mark.parametrize("seed", range(60))
def test_noise_is_refused_or_read_and_nothing_else(seed: int) -> None:
    """Random changes of a body raise a `Problem`, if anything."""
    lot = random.Random(seed)
    body = bytearray(_encoded([({"a": "b"}, lot.randbytes(100)), ({}, b"x")], b"b"))
    for _ in range(lot.randint(1, 20)):
        body[lot.randrange(len(body))] = lot.choice(b"\r\n-b:\x00 \xff")
    assert _status(_Body(bytes(body), 30, lot)) in {200, 400}


def _status(body: _Body) -> int:
    try:
        _read(body, b"b")
    except Problem as problem:
        return int(problem.status)
    return 200


def test_a_part_that_nobody_reads_is_passed_over() -> None:
    """The next one begins where it begins."""
    parts = [({}, b"1" * 1000), ({}, b"2")]
    reader = MultipartReader(_Body(_encoded(parts, b"b"), 100, random.Random(1)), b"b")
    assert [b"".join(part.pieces) if n else b"" for n, part in enumerate(reader)] == [b"", b"2"]


@pytest.mark.parametrize("text", ["", "b" * 201, "b\x00", "grün", "b "])
def test_what_is_no_boundary_is_400(text: str) -> None:
    """None, too long, with control characters, beyond ASCII, with a space at its end."""
    with pytest.raises(Problem):
        checked_boundary(text)
