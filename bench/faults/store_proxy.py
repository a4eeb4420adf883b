"""A proxy in front of an S3 store that answers as stores do on a bad day."""

from __future__ import annotations

import random
import threading
from typing import Self

from pacs_framework.testing.faulty_http import Exchange, Fault, Proxy

__all__ = ["MISHAPS", "StoreProxy"]

_SLOW_SECONDS = 2.0

MISHAPS = {
    "500": "S3 answers 500",
    "503": "S3 answers 503",
    "slow": "S3 takes 2 s",
    "half": "S3 answers half a body",
    "last-byte": "S3 answers all but the last byte",
    "unheard": "S3 does it, the answer is lost",
    "silent": "S3 says nothing",
}
"""What can go wrong with a request, by name."""


class StoreProxy(Proxy):
    """Between the archive and its store; a context manager.

    `misbehave` has a share of all requests go wrong in one way, until `behave`.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self.met = 0
        """Requests that went wrong."""
        self._dice = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def misbehave(self, mishap: str, share: float, chance: random.Random) -> None:
        """From now on, ``share`` of all requests meet what `MISHAPS` tells."""
        fault = self._fault(mishap)

        def perhaps(exchange: Exchange) -> bool:
            with self._dice:
                if chance.random() >= share:
                    return False
                self.met += 1
            return fault(exchange)

        self.released.clear()
        self.always = perhaps

    def behave(self) -> None:
        """As a store should; requests that wait for an answer lose their connections."""
        self.always = None
        self.released.set()

    def _fault(self, mishap: str) -> Fault:
        known: dict[str, Fault] = {
            "500": self.refuse(500, "InternalError"),
            "503": self.refuse(503),
            "slow": self._slow,
            "half": _half,
            "last-byte": _last_byte,
            "unheard": self.lost,
            "silent": self.silent,
        }
        return known[mishap]

    def _slow(self, _exchange: Exchange) -> bool:
        self.released.wait(_SLOW_SECONDS)
        return False


def _half(exchange: Exchange) -> bool:
    status, headers, data = exchange.ask()
    exchange.answer(status, headers, data, size=len(data) // 2)
    return True


def _last_byte(exchange: Exchange) -> bool:
    status, headers, data = exchange.ask()
    exchange.answer(status, headers, data, size=max(len(data) - 1, 0))
    return True
