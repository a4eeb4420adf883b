"""Version tokens: unique, sortable, and readable as a time."""

from __future__ import annotations

import datetime as dt
import re
import threading

import pytest

from pacs_framework.archive.versions import Versions, received_at


def test_tokens_of_one_maker_grow_strictly_whoever_asks() -> None:
    versions = Versions()
    made: list[list[str]] = [[] for _ in range(4)]

    def ask(mine: list[str]) -> None:
        mine.extend(versions.next()[0] for _ in range(2000))

    threads = [threading.Thread(target=ask, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == sorted(mine) for mine in made)
    assert len({token for mine in made for token in mine}) == 8000


def test_a_clock_that_goes_back_does_not_make_tokens_smaller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versions = Versions()
    first, _ = versions.next()
    monkeypatch.setattr("time.time_ns", lambda: 0)
    assert versions.next()[0] > first


def test_makers_are_told_apart() -> None:
    assert Versions().next()[0][14:] != Versions().next()[0][14:]


def test_a_token_tells_when_it_was_made() -> None:
    before = dt.datetime.now(dt.UTC)
    token, received = Versions().next()
    assert received == received_at(token)
    assert re.fullmatch(r"[0-9a-z]{24}", token)
    assert before - dt.timedelta(microseconds=1) <= received_at(token)
    assert received_at(token) <= dt.datetime.now(dt.UTC) + dt.timedelta(microseconds=1)


@pytest.mark.parametrize("text", ["", "1.2.3", "z" * 24, "0" * 23, "0" * 25])
def test_what_is_no_token_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version token"):
        received_at(text)
