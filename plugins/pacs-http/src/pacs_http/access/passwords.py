"""Passwords: hashed by argon2id, checked a few at a time, and guessed slowly."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

__all__ = ["Guesses", "Passwords", "hashed"]

_AT_ONCE = 2  # each check takes 64 MiB
_KEPT = 256
_KEPT_SECONDS = 300.0

_hasher = PasswordHasher()


def hashed(password: str) -> str:
    """A password as it is kept (argon2id, parameters of RFC 9106)."""
    return _hasher.hash(password)


class Passwords:
    """Checks passwords; one that was right is known for a while, for clients send it each time."""

    def __init__(self) -> None:
        self._turn = threading.Semaphore(_AT_ONCE)
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._nobodys = ""

    def is_right(self, password: str, kept: str | None) -> bool:
        """Whether ``password`` is what ``kept`` was made of; of nobody (None) none is, and it
        takes as long.
        """
        mark = hmac.digest(self._key, f"{kept}\0{password}".encode(), hashlib.sha256)
        if kept is not None and self._is_known(mark):
            return True
        with self._turn:
            self._nobodys = self._nobodys or hashed(secrets.token_hex(16))  # takes 0.1 s
            try:
                _hasher.verify(kept or self._nobodys, password)
            except VerificationError:
                return False
        self._note(mark)
        return kept is not None

    def _is_known(self, mark: bytes) -> bool:
        with self._lock:
            return self._right.get(mark, 0.0) > time.monotonic()

    def _note(self, mark: bytes) -> None:
        with self._lock:
            self._right[mark] = time.monotonic() + _KEPT_SECONDS
            while len(self._right) > _KEPT:
                self._right.popitem(last=False)


class Guesses:
    """Counts wrong passwords of each address, and lets it wait longer and longer.

    Names are not locked: whoever knows one could keep its owner out. Each address has a count for
    each name that it tries, besides that of all: who has a login of its own, and shows it again and
    again, does not get to guess another one's the quicker.
    """

    FREE = 5
    LONGEST = 60.0
    KEPT = 10_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wrong: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def pause(self, peer: str, name: str = "") -> float:
        """Seconds that ``peer`` has to wait before it may try ``name``; 0 where it need not."""
        with self._lock:
            until = max(self._wrong.get(key, (0, 0.0))[1] for key in {(peer, ""), (peer, name)})
        return max(until - time.monotonic(), 0.0)

    def was_wrong(self, peer: str, name: str = "") -> None:
        """One more wrong one."""
        with self._lock:
            for key in {(peer, ""), (peer, name)}:
                self._count(key)
            while len(self._wrong) > self.KEPT:
                self._wrong.popitem(last=False)

    def was_right(self, peer: str, name: str = "") -> None:
        """It has shown who it is."""
        with self._lock:
            for key in {(peer, ""), (peer, name)}:
                self._wrong.pop(key, None)

    def _count(self, key: tuple[str, str]) -> None:
        wrong = self._wrong.pop(key, (0, 0.0))[0] + 1
        beyond = wrong - self.FREE
        pause = min(2.0 ** min(beyond, 10), self.LONGEST) if beyond >= 0 else 0.0
        self._wrong[key] = (wrong, time.monotonic() + pause)
