"""Entries kept before the instances that they are about go on, at a bounded cost for each."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from pacs_anonymize.vault.entries import Entry
from pacs_anonymize.vault.errors import VaultConflict
from pacs_anonymize.vault.vault import Vault

__all__ = ["Keeper"]

_REMEMBERED = 1 << 16


class _Waiting:
    """The entries of one caller, and what became of them."""

    __slots__ = ("done", "entries", "error")

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.done = False
        self.error: Exception | None = None


class Keeper:
    """Keeps entries in a vault, those of several threads in one transaction.

    What it kept lately it knows; so of the second instance of a series there are a few UIDs to
    write, and of one that is sent again nothing.
    """

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self._turn = threading.Lock()
        self._queue = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._known: OrderedDict[tuple[int, str], str] = OrderedDict()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.vault,)

    def knows(self, entry: Entry) -> bool:
        """Whether an entry was kept by this keeper lately."""
        return self._known.get((entry.kind, entry.pseudonym)) == entry.original

    def __call__(self, entries: Sequence[Entry]) -> None:
        """Keep entries; durable when this returns.

        Raises `VaultError`, for these entries alone: `VaultConflict` where a pseudonym stands for
        another original.
        """
        new = [entry for entry in entries if not self.knows(entry)]
        if not new:
            return
        mine = _Waiting(new)
        with self._queue:
            self._waiting.append(mine)
        with self._turn:  # whoever waits here may find that somebody before it did the work
            if not mine.done:
                with self._queue:
                    together, self._waiting = self._waiting, []
                self._keep(together)
        if mine.error is not None:
            raise mine.error

    def _keep(self, together: Sequence[_Waiting]) -> None:
        try:
            self.vault.keep([entry for each in together for entry in each.entries])
        except VaultConflict as error:
            if len(together) == 1:
                together[0].error = error
            else:  # one of them is at fault, and the others are not to suffer for it
                for each in together:
                    self._keep([each])
                return
        except Exception as error:  # noqa: BLE001 - each of those who wait raises it
            for each in together:
                each.error = error
        for each in together:
            each.done = True
            if each.error is None:
                self._remember(each.entries)

    def _remember(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._known[entry.kind, entry.pseudonym] = entry.original
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
