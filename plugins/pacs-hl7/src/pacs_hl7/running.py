"""What runs beside the archive: one thread with an event loop for listener and senders."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import structlog

from pacs_framework.background import Background
from pacs_framework.errors import PacsError
from pacs_framework.waking import Waker
from pacs_hl7.handling import Handler
from pacs_hl7.listener import Listener
from pacs_hl7.outbox import Outbox
from pacs_hl7.sending import Sender
from pacs_hl7.tables import NAME
from pacs_hl7.telling import bell_of

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_hl7.settings import Hl7Settings

__all__ = ["Hl7"]

_WORKERS = 4

_log = structlog.get_logger(__name__)


class Hl7(Background):
    """The listener, where a port is configured, and a sender for each receiver."""

    name = "hl7"

    def __init__(self, archive: Archive, settings: Hl7Settings) -> None:
        self._archive = archive
        self._settings = settings
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.address: tuple[str, int] | None = None
        """Where it listens."""

    def start(self) -> None:
        """Return when it listens. Raises `ConfigurationError`."""
        if self._settings.port is None and not self._settings.receivers:
            return
        handler = Handler(self._archive, self._settings)  # so that a bad mapping is told here
        begun: Future[tuple[str, int] | None] = Future()
        self._thread = threading.Thread(target=self._run, args=(handler, begun), name="hl7")
        self._thread.start()
        try:
            self.address = begun.result()
        except BaseException:
            self._thread.join()
            self._thread = None
            raise

    def stop(self) -> None:
        """Answer what is in hand, then end."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = None

    def _run(self, handler: Handler, begun: Future[tuple[str, int] | None]) -> None:
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="hl7") as workers:
            try:
                asyncio.run(self._main(handler, workers, begun))
            except BaseException as error:  # noqa: BLE001 - for who started, or the log
                if begun.done():
                    _log.exception("HL7 ended")
                else:
                    begun.set_exception(error)

    async def _main(
        self,
        handler: Handler,
        workers: ThreadPoolExecutor,
        begun: Future[tuple[str, int] | None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        senders = self._senders(workers)
        listener = Listener(handler, self._settings, workers)
        address = None if self._settings.port is None else await listener.start()
        bell = Waker(bell_of(self._archive.data))
        self._loop.add_reader(bell.descriptor, _wake, bell, senders)
        tasks = [self._loop.create_task(sender.run()) for sender in senders]
        try:
            begun.set_result(address)
            await self._stop.wait()
        finally:
            self._loop.remove_reader(bell.descriptor)
            bell.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for sender in senders:
                await _released(sender, workers)
            await listener.stop()

    def _senders(self, workers: ThreadPoolExecutor) -> list[Sender]:
        outbox = Outbox(self._archive.tables(NAME))
        if not outbox.is_shared:
            outbox.resume()
        if self._settings.keep_days:
            outbox.sweep(self._settings.keep_days)
        return [
            Sender(name, receiver, self._settings, outbox, workers)
            for name, receiver in self._settings.receivers.items()
        ]


async def _released(sender: Sender, workers: ThreadPoolExecutor) -> None:
    try:
        await asyncio.get_running_loop().run_in_executor(workers, sender.release)
    except PacsError as error:
        _log.warning("a message that was being sent waits for its lease", cause=str(error))


def _wake(bell: Waker, senders: list[Sender]) -> None:
    bell.empty()
    for sender in senders:
        sender.wake()
