"""Instances come in their order, some opened before they are due, and none is left open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from pacs_framework.errors import IndexUnavailable, ObjectNotFound
from pacs_query_retrieve.ahead import Ahead


@dataclass
class Stored:
    sop_instance_uid: str


@dataclass
class Opened:
    instance: Stored
    closed: bool = False

    @property
    def data(self) -> Opened:
        return self

    def close(self) -> None:
        self.closed = True


@dataclass
class Objects:
    """Opens everything but what is ``missing``."""

    missing: set[str] = field(default_factory=set)
    opened: list[Opened] = field(default_factory=list)

    def open(self, stored: Stored) -> Opened:
        if stored.sop_instance_uid in self.missing:
            raise ObjectNotFound("gone")
        self.opened.append(Opened(stored))
        return self.opened[-1]


def instances(number: int, *, then: Exception | None = None) -> Iterator[Any]:
    for n in range(number):
        yield Stored(str(n))
    if then is not None:
        raise then


def uids(taken: Any) -> list[str]:
    return [due.stored.sop_instance_uid for due in taken]


@pytest.mark.parametrize("prepared", [True, False])
def test_every_instance_is_due_once_and_in_order(prepared: bool) -> None:
    """Whether somebody prepared them or not."""
    objects = Objects()
    taken = []
    with Ahead(objects, instances(10)) as ahead:
        for due in ahead:
            taken.append(due)
            assert due.opened.instance is due.stored
            due.opened.close()
            if prepared:
                ahead.prepare()
    assert uids(taken) == [str(n) for n in range(10)]
    assert all(one.closed for one in objects.opened)


def test_a_few_are_open_ahead_and_not_the_whole_study() -> None:
    """However often it is asked for."""
    objects = Objects()
    with Ahead(objects, (Stored(str(n)) for n in count())) as ahead:
        for _ in range(5):
            ahead.prepare()
        assert len(objects.opened) == 3
        next(ahead)
        ahead.prepare()
        assert len(objects.opened) == 4
    assert [one.closed for one in objects.opened] == [False, True, True, True]


def test_an_object_that_cannot_be_opened_fails_in_its_turn() -> None:
    objects = Objects(missing={"1"})
    with Ahead(objects, instances(3)) as ahead:
        assert [(due.stored.sop_instance_uid, due.opened is None) for due in ahead] == [
            ("0", False),
            ("1", True),
            ("2", False),
        ]


def test_an_index_that_fails_does_so_behind_what_it_gave() -> None:
    """Two were found before it failed, and both are sent."""
    objects = Objects()
    with Ahead(objects, instances(2, then=IndexUnavailable("away"))) as ahead:
        ahead.prepare()
        assert uids([next(ahead), next(ahead)]) == ["0", "1"]
        with pytest.raises(IndexUnavailable, match="away"):
            next(ahead)


def test_the_rest_is_all_that_was_not_due_and_nothing_of_it_is_open() -> None:
    objects = Objects()
    with Ahead(objects, instances(9)) as ahead:
        next(ahead).opened.close()
        ahead.prepare()
        assert [stored.sop_instance_uid for stored in ahead.rest()] == [str(n) for n in range(1, 9)]
        assert all(one.closed for one in objects.opened)


def test_the_rest_of_an_index_that_failed_is_not_known() -> None:
    with Ahead(Objects(), instances(2, then=IndexUnavailable("away"))) as ahead:
        ahead.prepare()
        rest = ahead.rest()
        assert next(iter(rest)).sop_instance_uid == "0"
        with pytest.raises(IndexUnavailable, match="away"):
            list(rest)


def test_what_was_prepared_for_a_receiver_that_went_is_opened_anew_in_its_order() -> None:
    """Also where the index failed behind it."""
    objects = Objects()
    with Ahead(objects, instances(3, then=IndexUnavailable("away"))) as ahead:
        next(ahead).opened.close()
        ahead.prepare()
        ahead.reopen()
        assert all(one.closed for one in objects.opened)
        assert uids([next(ahead), next(ahead)]) == ["1", "2"]
        assert [one.instance.sop_instance_uid for one in objects.opened] == list("01212")
        with pytest.raises(IndexUnavailable, match="away"):
            next(ahead)


@dataclass
class Conversion:
    """Closes what it reads from, as an early one does when no thread reads any more."""

    opened: Opened

    def close(self) -> None:
        self.opened.close()


@pytest.mark.parametrize("early", [1, 2, 5])
def test_so_many_are_converted_ahead_whatever_lies_between(early: int) -> None:
    """Every second one is to be converted; each is closed once nobody needs it."""
    objects = Objects()

    def begin(opened: Opened) -> Conversion | None:
        return Conversion(opened) if int(opened.instance.sop_instance_uid) % 2 else None

    with Ahead(objects, instances(20), begin=begin, early=early) as ahead:
        for due in ahead:
            due.close()
            ahead.prepare()
            waiting = [one.instance for one in objects.opened if not one.closed]
            assert sum(int(each.sop_instance_uid) % 2 for each in waiting) <= early
    assert [one.instance.sop_instance_uid for one in objects.opened] == [str(n) for n in range(20)]
    assert all(one.closed for one in objects.opened)
