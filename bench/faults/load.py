"""Senders on associations of their own, who write down what was acknowledged."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Self

from bench.client import encode
from bench.client.wire import Association, Refused, connect
from bench.faults.ledger import Ledger
from bench.faults.material import LARGE, SMALL, Material, Sent

__all__ = ["AET", "EXPLICIT", "Address", "Load", "Studies"]

AET = "PACS"
EXPLICIT = "1.2.840.10008.1.2.1"
_CONTEXTS = {kind.sop_class: 2 * n + 1 for n, kind in enumerate((SMALL, LARGE))}
_PAUSE = 0.1
_SUCCESS = 0

Address = tuple[str, int]


@dataclass
class Studies:
    """Numbers of studies that nobody has sent yet, the same for the same seed."""

    run: str
    chance: random.Random
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def new(self, *, large: bool = True) -> Material:
        """The instances of a new study."""
        return Material(
            self.run, next(self._numbers), random.Random(self.chance.random()), large=large
        )


class Load:
    """So many senders, from `start` to `stop`; a context manager does both.

    A sender whose association ends goes on with a new study on a new one while the load lasts:
    what became of its last instance it cannot know, so it never sends that UID again. ``silence``
    is how many seconds a peer may say nothing.
    """

    def __init__(
        self,
        address: Address | Callable[[int], Address],
        ledger: Ledger,
        studies: Studies,
        *,
        senders: int = 4,
        large: bool = True,
        silence: float = 60.0,
    ) -> None:
        self._address = address if callable(address) else lambda _sender: address
        self._ledger = ledger
        self._studies = studies
        self._large = large
        self._silence = silence
        self._stopping = threading.Event()
        self._news = threading.Condition()
        self._threads = [
            threading.Thread(target=self._send_always, args=(n,), name=f"sender-{n}", daemon=True)
            for n in range(senders)
        ]
        self.acknowledged = 0
        self.broken = 0
        self.refused: Counter[int] = Counter()
        self.last_success = 0.0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """No more instances; wait for those that are under way."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int, seconds: float = 60.0) -> bool:
        """Wait until so many more instances were acknowledged; False when the time is over."""
        with self._news:
            goal = self.acknowledged + more
            return self._news.wait_for(lambda: self.acknowledged >= goal, seconds)

    def wait_for_trouble(self, seconds: float = 60.0) -> bool:
        """Wait until one more instance was refused, or an association broke."""
        with self._news:
            seen = self.broken + self.refused.total()
            return self._news.wait_for(lambda: self.broken + self.refused.total() > seen, seconds)

    def _send_always(self, sender: int) -> None:
        while not self._stopping.is_set():
            try:
                self._send_study(sender)
            except (Refused, OSError):
                with self._news:
                    self.broken += 1
                    self._news.notify_all()
                self._stopping.wait(_PAUSE)

    def _send_study(self, sender: int) -> None:
        """Until the load ends, or the association does."""
        contexts = [encode.Context(n, uid, (EXPLICIT,)) for uid, n in _CONTEXTS.items()]
        request = encode.associate_request(f"SENDER{sender}", AET, contexts)
        with connect(self._address(sender), request, seconds=self._silence) as association:
            for number, sent in enumerate(self._studies.new(large=self._large), start=1):
                if self._stopping.is_set():
                    association.release()
                    return
                self._note(sent, self._store(association, sent, number % 65535 or 1))

    def _store(self, association: Association, sent: Sent, number: int) -> int:
        self._ledger.sending(sent.uid, sent.study, sent.digest())
        command = encode.store_request(number, sent.kind.sop_class, sent.uid)
        context = _CONTEXTS[sent.kind.sop_class]
        max_pdu = association.accepted.max_pdu
        return association.exchange(
            encode.message(context, command, sent.pieces(), sent.size, max_pdu)
        )

    def _note(self, sent: Sent, status: int) -> None:
        if status == _SUCCESS:
            self._ledger.success(sent.uid)
        with self._news:
            if status == _SUCCESS:
                self.acknowledged += 1
                self.last_success = time.monotonic()
            else:
                self.refused[status] += 1
            self._news.notify_all()
        if status != _SUCCESS:
            self._stopping.wait(_PAUSE)  # as a modality that tries again, and not at once
