"""Sending over MLLP: one message with its acknowledgement, and the queue of a receiver."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog
from hl7.mllp import open_hl7_connection

from pacs_framework.errors import PacsError
from pacs_framework.network.tls import client_context
from pacs_framework.tables import Pauses
from pacs_hl7.faults import Fault
from pacs_hl7.message import read_message
from pacs_hl7.outbox import Outbox, Outgoing

if TYPE_CHECKING:
    from pacs_hl7.settings import Hl7Settings, ReceiverSettings

__all__ = ["Answer", "NotDelivered", "Sender", "deliver"]

_LIMIT = 1 << 20  # bytes of an acknowledgement
_PAUSE = 5.0  # seconds after the tables could not be used
_LOOK = 60.0  # seconds after which what another node may have left is looked at
_MOST_ANSWERS = 8

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class NotDelivered(PacsError):
    """A message did not get through, or its acknowledgement did not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An acknowledgement: its code, and what it says beside it."""

    code: str
    text: str
    data: bytes

    @property
    def accepted(self) -> bool:
        """Whether the receiver has it."""
        return self.code in ("AA", "CA")


async def deliver(
    host: str, port: int, data: bytes, *, seconds: float, tls: ssl.SSLContext | None = None
) -> Answer:
    """Send one message on a connection of its own. Raises `NotDelivered`."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await open_hl7_connection(  # type: ignore[no-untyped-call]
                host, port, limit=_LIMIT, ssl=tls
            )
            try:
                writer.writeblock(data)
                await writer.drain()
                for _ in range(_MOST_ANSWERS):
                    answer = _answer(await reader.readblock(), data)
                    if answer is not None:
                        return answer
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        raise NotDelivered(f"no acknowledgement within {seconds:g} s") from None
    except (OSError, asyncio.IncompleteReadError, ValueError) as error:
        raise NotDelivered(f"{type(error).__name__}: {error}") from error
    raise NotDelivered("the acknowledgements that came are for other messages")


def _answer(block: bytes, sent: bytes) -> Answer | None:
    """The acknowledgement in ``block``; None for one of another message (MSA-2)."""
    try:
        message, ours = read_message(block, "8859/1"), read_message(sent, "8859/1")
    except Fault as fault:
        raise NotDelivered(f"the answer cannot be read: {fault}") from fault
    msa = next((each for each in message.segments if each.name == "MSA"), None)
    if msa is None:
        raise NotDelivered("the answer has no MSA segment")
    if msa.field(2) and msa.field(2) != ours.header.field(10):
        return None
    err = next((each for each in message.segments if each.name == "ERR"), None)
    text = message.unescaped(msa.field(3)) or (message.unescaped(err.field(8)) if err else "")
    return Answer(code=msa.field(1), text=text, data=block)


class Sender:
    """Sends the queue of one receiver, in order, for as long as it takes.

    A message that the receiver refuses (AE, AR) is kept as refused, and the next one follows.
    """

    def __init__(
        self,
        name: str,
        receiver: ReceiverSettings,
        settings: Hl7Settings,
        outbox: Outbox,
        workers: Executor,
    ) -> None:
        self._name = name
        self._receiver = receiver
        self._settings = settings
        self._outbox = outbox
        self._workers = workers
        self._news = asyncio.Event()
        self._held: int | None = None
        self._pauses = Pauses(first=settings.retry_first, longest=settings.retry_longest)
        self._tls = client_context(ca=receiver.ca) if receiver.tls else None

    def wake(self) -> None:
        """There is something new."""
        self._news.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            self._news.clear()
            try:
                wait = await self._drain()
            except PacsError as error:
                _log.warning("HL7 queue has to wait", receiver=self._name, cause=str(error))
                wait = _PAUSE
            if self._outbox.is_shared:  # another node may have died over it
                wait = _LOOK if wait is None else min(wait, _LOOK)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._news.wait()

    def release(self) -> None:
        """After `run` was cancelled: what was being sent is due for whoever comes next."""
        if self._held is not None:
            self._outbox.put_off(self._held, "the archive stopped", 0.0)

    async def _drain(self) -> float | None:
        """Send what is due; the seconds until more is, None where nothing is queued."""
        lease = self._settings.answer_timeout + _PAUSE
        while True:
            found = await self._do(partial(self._claim, lease))
            if not isinstance(found, Outgoing):
                return found
            await self._send(found)
            self._held = None

    def _claim(self, lease: float) -> Outgoing | float | None:
        found = self._outbox.claim(self._name, lease)
        if isinstance(found, Outgoing):
            self._held = found.id
        return found

    async def _send(self, found: Outgoing) -> None:
        log = _log.bind(receiver=self._name, kind=found.kind, control_id=found.control_id)
        try:
            answer = await deliver(
                self._receiver.host,
                self._receiver.port,
                found.data,
                seconds=self._settings.answer_timeout,
                tls=self._tls,
            )
        except NotDelivered as error:
            seconds = self._pauses.seconds(found.attempts)
            log.warning("HL7 message not delivered", cause=str(error), again_in=seconds)
            await self._do(partial(self._outbox.put_off, found.id, str(error), seconds))
            return
        if answer.accepted:
            log.info("HL7 message delivered")
            await self._do(partial(self._outbox.sent, found.id))
        else:
            log.error("HL7 message refused", code=answer.code, reason=answer.text)
            reason = f"{answer.code} {answer.text}".strip()
            await self._do(partial(self._outbox.refused, found.id, reason))

    async def _do(self, work: Callable[[], _T]) -> _T:
        """In a thread, because tables block; what has begun ends, also when this is cancelled."""
        future = asyncio.get_running_loop().run_in_executor(self._workers, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise
