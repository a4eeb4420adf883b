"""What is written in one turn of the event loop goes out together.

uvicorn writes the head of an answer, its body and its end one by one, and uvloop passes on each: a
client would be woken for the head alone, only to wait for the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

__all__ = ["Gathering"]


class Gathering:
    """A transport that holds what it is given until the turn is over, or `flush`.

    All else is that of the ``plain`` one.
    """

    def __init__(self, plain: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.plain = plain
        self._loop = loop
        self._held: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def write(self, data: Any) -> None:
        """Hold it; it is not changed before it has gone out."""
        if not len(data):
            return
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)

    def flush(self) -> None:
        """Pass on what is held."""
        if self._held:
            held, self._held = self._held, []
            self.plain.writelines(held)

    def write_eof(self) -> None:
        """Behind what is held."""
        self.flush()
        self.plain.write_eof()

    def close(self) -> None:
        """Behind what is held."""
        self.flush()
        self.plain.close()

    def abort(self) -> None:
        """What is held goes nowhere."""
        self._held = []
        self.plain.abort()
