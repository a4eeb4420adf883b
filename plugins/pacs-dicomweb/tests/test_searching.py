"""The search in the C library against that of Python."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_dicomweb.stow import searching


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"--", b"\0", b"b" * 9000]), max_size=12),
    st.lists(st.sampled_from([b"\r", b"\n", b"--", b"\0", b"b"]), min_size=1, max_size=6),
    st.integers(0, 40_000),
)
def test_it_finds_what_python_finds(haystack: list[bytes], needle: list[bytes], start: int) -> None:
    """Also behind bytes that end strings in C, and from the end on."""
    text, sought = b"".join(haystack), b"".join(needle)
    assert searching.find(text, sought, start) == text.find(sought, start)


@pytest.mark.parametrize("at", [0, 5, 19_991])
def test_without_it_python_searches(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    text = bytes(at) + b"\r\n--bench" + bytes(20_000 - at)
    found = [searching.find(text, b"\r\n--bench", 0), searching.find(text, b"\r\n--bench", at + 1)]
    monkeypatch.setattr(searching, "_memmem", None)
    assert [searching.find(text, b"\r\n--bench", 0), searching.find(text, b"bench", at)] == [
        at,
        at + 4,
    ]
    assert found == [at, -1]
