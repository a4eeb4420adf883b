"""Doing what is owed to an object: repair, move, delete. Each step may be the last before a crash.

Whoever copies looks afterwards whether that is still wanted: a delete in the meantime says so in
the tables, and the copy goes again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from pacs_framework.errors import StorageError
from pacs_storage_tiered.book import Kind
from pacs_storage_tiered.reading import tiers_with
from pacs_storage_tiered.truth import copy, digests_of

if TYPE_CHECKING:
    from pacs_storage_tiered.book import Book, Task
    from pacs_storage_tiered.naming import Key
    from pacs_storage_tiered.places import Place, Tier
    from pacs_storage_tiered.truth import Digests, Truth

__all__ = ["Work", "is_whole"]

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Survey:
    """What the places of some tiers have of one object.

    ``wanted`` is what it has to be: by the index, or where that names it not, what all copies are.
    """

    wanted: Digests | None
    right: list[Place] = field(default_factory=list)
    wrong: list[Place] = field(default_factory=list)
    lacking: list[Place] = field(default_factory=list)
    failed: dict[Place, StorageError] = field(default_factory=dict)


def _survey(places: Sequence[Place], key: Key, wanted: Digests | None) -> _Survey:
    """Read every copy whole."""
    found = _Survey(wanted)
    read: dict[Place, Digests] = {}
    for place in places:
        try:
            digests = digests_of(place, key, wanted.offset if wanted else 0)
        except StorageError as error:
            found.failed[place] = error
            continue
        if digests is None:
            found.lacking.append(place)
        else:
            read[place] = digests
    if found.wanted is None and len(set(read.values())) == 1:
        found.wanted = next(iter(read.values()))
    for place, digests in read.items():
        (found.right if digests == found.wanted else found.wrong).append(place)
    return found


def is_whole(tiers: Sequence[Tier], key: Key, wanted: Digests | None) -> bool:
    """Whether every place of its tier has a right copy, all of them read."""
    try:
        holding = tiers_with(tiers, key)
    except StorageError:
        return False
    if not holding:
        return wanted is None
    places = holding[0].places
    return len(_survey(places, key, wanted).right) == len(places)


class Work:
    """Does one task at a time; ``truth`` tells what an object has to be."""

    def __init__(
        self, tiers: Sequence[Tier], book: Book, truth: Truth, *, recall_free: int = 0
    ) -> None:
        self._tiers = tiers
        self._recall_free = recall_free
        self._book = book
        self._truth = truth

    def do(self, task: Task) -> None:
        """All of it; it is then no longer owed. Raises `StorageError` and `IndexUnavailable`."""
        if task.kind is Kind.DELETE:
            self._delete(task)
        elif task.kind is Kind.MOVE:
            self._move(task)
        else:
            self._repair(task)

    # --- delete -----------------------------------------------------------------------------

    def _delete(self, task: Task) -> None:
        errors = _delete_from([p for tier in self._tiers for p in tier.places], task.key)
        _raise(errors)
        self._book.done(task)
        _log.info("deleted everywhere", key=str(task.key))

    # --- repair -----------------------------------------------------------------------------

    def _repair(self, task: Task) -> None:
        holding = tiers_with(self._tiers, task.key)
        if not holding:
            if self._truth(task.key) is not None:
                raise StorageError("the index names it, and no place has it")
            self._book.done(task)
            return
        self._complete(task, holding[0], holding)
        self._book.done(task)

    def _complete(self, task: Task, tier: Tier, sources: Sequence[Tier]) -> None:
        """Every place of ``tier`` gets a right copy. Raises where one could not, after the rest."""
        key = task.key
        places = [place for each in sources for place in each.places]
        places += [place for place in tier.places if place not in places]
        found = _survey(places, key, self._truth(key))
        if found.wanted is None:
            raise StorageError(
                "its copies differ, and the index, which could tell the right one, names it not"
            )
        if not found.right:
            names = ", ".join(place.name for place in found.wrong)
            raise StorageError(f"no copy of it is right (damaged in: {names or 'none'})")
        errors = {place: error for place, error in found.failed.items() if place in tier.places}
        for place in tier.places:
            if place in found.right or place in errors:
                continue
            try:
                self._replace(task, found, place)
            except StorageError as error:
                errors[place] = error
        _raise(errors)

    def _replace(self, task: Task, found: _Survey, place: Place) -> None:
        assert found.wanted is not None
        damaged = place in found.wrong
        if damaged:
            place.delete(task.key)
        copy(found.right[0], place, task.key, found.wanted)
        if not self._book.holds(task):
            place.delete(task.key)
            raise StorageError("it was deleted meanwhile")
        if task.kind is Kind.REPAIR:
            _log.info(
                "a copy was repaired",
                key=str(task.key),
                place=place.name,
                source=found.right[0].name,
                was="damaged" if damaged else "missing",
            )

    # --- move -------------------------------------------------------------------------------

    def _move(self, task: Task) -> None:
        target = next((tier for tier in self._tiers if tier.name == task.tier), None)
        holding = tiers_with(self._tiers, task.key)
        others = [tier for tier in holding if tier is not target]
        pinned = self._book.is_pinned(task.key.study)
        if target is None or not others or (pinned and target not in holding):
            self._book.done(task)
            return
        if target not in holding and self._is_crowded(target):
            _log.info("an object stays: its new tier has too little room", key=str(task.key))
            self._book.done(task)
            return
        # The copies that are to go come first as sources, so the target is written from them.
        self._complete(task, target, others)
        if not self._book.holds(task):
            return
        _raise(_delete_from([place for tier in others for place in tier.places], task.key))
        self._book.done(task)

    def _is_crowded(self, tier: Tier) -> bool:
        """Whether an object that was read had better not come back, so that new ones find room."""
        if tier is not self._tiers[0]:
            return False
        free = tier.free_space()
        return free is not None and free < self._recall_free


def _delete_from(places: Sequence[Place], key: Key) -> dict[Place, StorageError]:
    errors = {}
    for place in places:
        try:
            place.delete(key)
        except StorageError as error:
            errors[place] = error
    return errors


def _raise(errors: dict[Place, StorageError]) -> None:
    if errors:
        told = "; ".join(f"{place.name}: {error}" for place, error in errors.items())
        raise StorageError(told)
