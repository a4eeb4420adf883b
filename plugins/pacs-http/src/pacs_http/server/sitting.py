"""A client that asks one thing after the other, and the thread that answers it all.

By way of the event loop a request wakes two threads on its way in and out, on two processors that
then take all they need of the interpreter from each other's caches: for a short answer that is more
than half of the time. So from the second request on, a thread keeps the connection for as long as
the client goes on at once, nobody else waits, and what it asks is a head and nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from pacs_http.problems import ClientGone
from pacs_http.request import EmptyBody
from pacs_http.server.answering import Answering
from pacs_http.server.heads import scope_of
from pacs_http.server.lent_connection import SOON
from pacs_http.server.straight import Straight

if TYPE_CHECKING:
    from pacs_http.server.asgi import HttpApplication
    from pacs_http.server.lent_connection import Borrowed

__all__ = ["Sitting"]

_log = structlog.get_logger("pacs_http")


class Sitting:
    """Answers a request, and those behind it, on a connection that is borrowed.

    scope
        The request, as ASGI tells it.
    answering
        Who answers it; others do for those behind it.
    """

    def __init__(
        self, app: HttpApplication, borrowed: Borrowed, scope: Any, answering: Answering
    ) -> None:
        self._app = app
        self._borrowed = borrowed
        self._scope = scope
        self._answering: Answering | None = answering
        self._loop = asyncio.get_running_loop()
        self._is_over = asyncio.Event()
        self._rest = b""
        self._goes_on = False

    async def run(self) -> None:
        """Until the thread is done."""
        self._app.threads.submit(self._in_thread)
        await self._is_over.wait()
        self._borrowed.give_back(self._rest, goes_on=self._goes_on)

    # --- in the thread --------------------------------------------------------------------------

    def _in_thread(self) -> Callable[[], object]:
        try:
            self._goes_on = self._serve()
        except ClientGone:
            pass
        except Exception:  # noqa: BLE001 - the event loop has to hear of the end all the same
            _log.exception("a connection ended badly")
        return self._tell

    def _tell(self) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)

    def _serve(self) -> bool:
        """Whether the connection goes on. Raises `ClientGone`."""
        answering, self._answering = self._answering, None
        while answering is not None:
            out = Straight(self._borrowed.line, self._borrowed.is_wanted_back)
            answering.work(EmptyBody(), out)
            answering.log_access(out)
            if not out.goes_on:
                return False
            answering = self._next()
        return True

    def _next(self) -> Answering | None:
        """The next request, if it comes soon and nobody else waits.

        What is none for here is kept, as it came, for the event loop.
        """
        line = self._borrowed.line
        if self._app.is_crowded or not line.hears(SOON):
            return None
        self._rest = line.receive(self._borrowed.longest_head)
        scope = scope_of(self._rest, self._scope)
        if scope is None:
            return None
        self._rest = b""
        return Answering(self._app, scope)
