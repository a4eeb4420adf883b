"""DIMSE messages on a wire: commands and data sets in and out, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn, cast

from pacs_framework.errors import OutOfResources, QueryError
from pacs_framework.network.dimse import (
    COMMAND,
    LAST,
    CommandReceived,
    MessageReader,
    fragments,
    largest_fragment,
)
from pacs_framework.network.errors import (
    AssociationAborted,
    AssociationError,
    ConnectionFailed,
    ProtocolError,
)
from pacs_framework.network.events import (
    AbortIndicated,
    ConnectionClosed,
    DataReceived,
    ProviderAborted,
    ReleaseCollided,
    ReleaseIndicated,
    UpperLayerEvent,
)
from pacs_framework.network.pdu import AbortReason, AbortSource, data_header
from pacs_framework.network.service import CommandField
from pacs_framework.network.wire import BLOCK_SIZE, Wire, borrow_block, return_block

if TYPE_CHECKING:
    from pacs_framework.storage import ByteSource

    DataSource = ByteSource | Iterable[bytes | memoryview]
    """A data set on its way out: an open object, or pieces of any size."""

__all__ = ["Channel", "PeerReleased"]

_LARGEST_FRAGMENT = (1 << 17) - 6
_PAD = b"\0"
_CANCEL = int(CommandField.C_CANCEL)
_BYTES_ABSURD = 2  # times the limit of a message, then the association is aborted


class PeerReleased(AssociationError):
    """The peer asked to release the association."""


class _Expired(Exception):
    pass


class _Pieces:
    """Pieces of bytes as something to read blocks from."""

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self._pieces = iter(pieces)
        self._piece = memoryview(b"")

    def readinto(self, buffer: memoryview, /) -> int:
        while not self._piece:
            try:
                self._piece = memoryview(next(self._pieces)).cast("B")
            except StopIteration:
                return 0
        size = min(len(buffer), len(self._piece))
        buffer[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        return size


def _filled(source: ByteSource | _Pieces, block: bytearray) -> memoryview:
    """As much of the source as fits into ``block``; shorter only at the end of the source."""
    view, size = memoryview(block), 0
    while size < len(block):
        got = source.readinto(view[size:])
        if not got:
            break
        size += got
    return view[:size]


def _even(filled: memoryview, block: bytearray) -> memoryview:
    """The end of a data set with a null byte behind it where its length is odd.

    A deflated data set may be kept so, and on the wire it ends with a null byte (PS3.5 A.5); some
    receivers abort at a fragment of odd length.
    """
    if len(filled) % 2 == 0:
        return filled
    size = len(filled)
    block[size : size + 1] = _PAD  # blocks are even: an odd length leaves room
    return memoryview(block)[: size + 1]


class Channel:
    """Sends and receives messages for one association; used by its thread alone."""

    def __init__(self, wire: Wire, *, peer_max_pdu: int) -> None:
        self.wire = wire
        self._reader = MessageReader()
        self._fragment = largest_fragment(peer_max_pdu, _LARGEST_FRAGMENT)
        self._early: CommandReceived | None = None
        self._cancels: set[int] = set()
        self._release_asked = False
        self._may_expire = False

    # --- receiving --------------------------------------------------------------------------

    @property
    def dataset_due(self) -> bool:
        """Whether the data set of the command in work is not yet read to its end.

        That of a request which came too early is not for whoever answers the one before it.
        """
        return self._reader.mid_message and self._early is None

    def next_command(self) -> CommandReceived:
        """The next command set; C-CANCEL requests are noted for `cancelled` and not given out.

        Raises PeerReleased, AssociationAborted, ConnectionFailed, or Stopped (see `Wire`).
        """
        command, self._early = self._early, None
        while command is None:
            item = self._next_item()
            if type(item) is CommandReceived and not (item.field == _CANCEL and self._noted(item)):
                command = item
        return command

    def command_within(self, seconds: float) -> CommandReceived | None:
        """As `next_command`, None when nothing began to come for so long. A message that began
        has the time that `Limits` give it.
        """
        self._may_expire = True
        self.wire.limit_wait(seconds)
        try:
            return self.next_command()
        except _Expired:
            return None
        finally:
            self._may_expire = False
            self.wire.limit_wait(0)

    def _still_arriving(self) -> bool:
        """Whether only the wait of `command_within` is over, in the middle of a message. Raises
        _Expired between messages.
        """
        if not self._may_expire:
            return False
        if not (self._reader.mid_message or self.wire.upper.mid_pdu):
            raise _Expired
        self._may_expire = False
        self.wire.limit_wait(0)
        return True

    def _next_item(self) -> CommandReceived | DataReceived:
        if self._release_asked and not self.wire.has_events:
            raise PeerReleased("the peer has asked for release")
        while True:
            try:
                event = self.wire.next_event(busy=self._reader.mid_message)
            except TimeoutError:
                if self._still_arriving():
                    continue
                self._timed_out()
            item = self._interpreted(event)
            if item is not None:
                return item
            if self._release_asked:
                raise PeerReleased("the peer has asked for release")

    def _interpreted(self, event: UpperLayerEvent) -> CommandReceived | DataReceived | None:
        if type(event) is DataReceived:
            try:
                return self._reader.feed(event)
            except ProtocolError as error:
                self.refuse(error)
        self._indicated(event)
        return None

    def _indicated(self, event: UpperLayerEvent) -> None:
        match event:
            case ReleaseIndicated():
                self._release_asked = True
            case ReleaseCollided():
                pass  # the state machine remembers, see `Association.release`
            case AbortIndicated(source=source, reason=reason):
                raise AssociationAborted(
                    f"the peer aborted (source {source}, reason {reason})",
                    source=source,
                    reason=reason,
                    by_peer=True,
                )
            case ProviderAborted(reason=reason, message=message):
                self._aborted(reason, message)
            case ConnectionClosed():
                raise ConnectionFailed("the peer closed the connection without releasing")
            case _:
                raise AssertionError(f"{event!r} cannot happen here")

    def _aborted(self, reason: AbortReason, message: str) -> NoReturn:
        self.wire.half_close()
        raise AssociationAborted(
            f"aborted, because of the peer: {message}",
            source=AbortSource.SERVICE_PROVIDER,
            reason=reason,
        )

    def refuse(self, error: ProtocolError) -> NoReturn:
        """Answer a breach of the protocol with A-P-ABORT; raises AssociationAborted."""
        self.wire.upper.violation(error)
        self.wire.settle()
        self._aborted(error.reason, str(error))

    def _timed_out(self) -> NoReturn:
        busy = self._reader.mid_message or self.wire.upper.mid_pdu
        limits = self.wire.limits
        name = "network_timeout" if busy else "idle_timeout"
        limited = self.wire.wait_is_limited
        self.wire.abort()
        if limited:
            raise AssociationAborted("the peer did not answer in the time that it was given")
        raise AssociationAborted(
            f"nothing came from the peer for {getattr(limits, name):g} s ({name})"
        )

    # --- C-CANCEL ---------------------------------------------------------------------------

    def _noted(self, command: CommandReceived) -> bool:
        if command.field != _CANCEL:
            return False
        try:
            self._cancels.add(command.number("MessageIDBeingRespondedTo"))
        except ProtocolError as error:
            self.refuse(error)
        return True

    def cancelled(self, message_id: int) -> bool:
        """Whether C-CANCEL for this message has arrived; looks at the wire without waiting."""
        if message_id not in self._cancels and not self.dataset_due and self._early is None:
            self.wire.look()
            self._take_in(message_id)
        return message_id in self._cancels

    def _take_in(self, message_id: int) -> None:
        """Read what is there; a request that came too early waits for its turn."""
        while self.wire.has_events and self._early is None and message_id not in self._cancels:
            item = self._interpreted(self.wire.next_event(busy=False))
            if isinstance(item, CommandReceived) and not self._noted(item):
                self._early = item

    def forget_cancel(self, message_id: int) -> None:
        """A message of this number begins: what came before it was about another one."""
        if self._cancels:
            self._cancels.clear() if len(self._cancels) > 64 else self._cancels.discard(message_id)

    # --- data sets in -----------------------------------------------------------------------

    def read_dataset(self, sink: Callable[[memoryview], object] | None) -> int:
        """Hand the rest of the data set to ``sink``; the number of bytes that came.

        An exception of ``sink``, or OutOfResources beyond ``max_message_bytes``, is raised after
        the last piece, so that the association stays usable.
        """
        limit = self.wire.limits.max_message_bytes
        total, last = 0, False
        failure: Exception | None = None
        while not last:
            piece = self._next_item()
            assert type(piece) is DataReceived
            last = piece.last
            total += len(piece.data)
            if limit and total > limit:
                self._check_absurd(total, limit * _BYTES_ABSURD)
                failure = failure or OutOfResources(
                    f"the data set is longer than max_message_bytes = {limit}"
                )
            elif sink is not None and failure is None:
                try:
                    sink(piece.data)
                except Exception as error:  # noqa: BLE001 - raised below, once all is drained
                    failure = error
        if failure is not None:
            raise failure
        return total

    def _check_absurd(self, total: int, limit: int) -> None:
        if total > limit:
            self.wire.abort()
            raise AssociationAborted(f"a data set of more than {limit} bytes")

    def collect_dataset(self, limit: int) -> bytes:
        """The whole data set; a longer one than ``limit`` bytes raises QueryError when drained."""
        collected = bytearray()

        def collect(piece: memoryview) -> None:
            if len(collected) + len(piece) > limit:
                raise QueryError(f"the identifier is longer than {limit} bytes")
            collected.extend(piece)

        self.read_dataset(collect)
        return bytes(collected)

    # --- messages out -----------------------------------------------------------------------

    def send(self, context_id: int, command: bytes, dataset: bytes | memoryview | None) -> None:
        """Send a message that is in memory; command and data set leave together."""
        parts: list[bytes | memoryview]
        if len(command) <= self._fragment:
            parts = [data_header(context_id, COMMAND | LAST, len(command)) + command]
        else:
            parts = list(fragments(context_id, COMMAND, command, self._fragment))
        if dataset is not None:
            if len(dataset) % 2:
                dataset = bytes(dataset) + _PAD
            parts += fragments(context_id, 0, dataset, self._fragment)
        self.wire.send_data(parts)

    def send_stream(self, context_id: int, command: bytes, data: DataSource) -> None:
        """Send a message whose data set is read as it goes, or from where it is held in memory.

        An exception of the source before the first byte was sent leaves the association usable;
        later it aborts the association, because a message cannot be taken back.
        """
        if (held := getattr(data, "held", None)) is not None:
            with held() as whole:
                self.send(context_id, command, whole)
            return
        # An open file is iterable too, by lines: what can read blocks does so.
        source = cast("ByteSource", data) if hasattr(data, "readinto") else _Pieces(data)
        blocks = [borrow_block(), borrow_block()]
        try:
            self._send_blocks(context_id, command, source, blocks)
        finally:
            for block in blocks:
                return_block(block)

    def _send_blocks(
        self, context_id: int, command: bytes, source: ByteSource | _Pieces, blocks: list[bytearray]
    ) -> None:
        """One block ahead, because the last fragment must be marked as such."""
        block, spare = blocks
        filled = _filled(source, block)
        parts = list(fragments(context_id, COMMAND, command, self._fragment))
        while True:
            try:
                ahead = _filled(source, spare) if len(filled) == BLOCK_SIZE else filled[:0]
            except Exception:
                self.wire.abort()
                raise
            if not ahead:
                filled = _even(filled, block)
            parts += fragments(context_id, 0, filled, self._fragment, complete=not ahead)
            self.wire.send_data(parts)
            if not ahead:
                return
            block, spare, filled, parts = spare, block, ahead, []
