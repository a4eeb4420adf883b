"""What the client process is asked to do: each prepares, then times itself, and answers a `Sample`.

Functions here run in the client process; their arguments and results travel through a pipe.
"""

from __future__ import annotations

import contextlib
import socket
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from bench.client import encode
from bench.client.clock import Clock, Sample
from bench.client.receiving import Arrivals, InstanceSink, Receiver, Tally
from bench.client.storing import Messages, store_all
from bench.client.wire import Association, Refused, connect, status_in
from bench.data import Instance, Uids, encoded, instances, kind_named

__all__ = [
    "CALLING",
    "RECEIVER_AET",
    "Address",
    "Clock",
    "Query",
    "Sample",
    "Store",
    "arrivals",
    "associate_many",
    "echo",
    "expect",
    "find",
    "first_association",
    "first_connection",
    "get",
    "hold",
    "let_go",
    "move",
    "receiver_port",
    "store",
    "watch_held",
]

CALLING = "BENCH"
RECEIVER_AET = "BENCHRECV"
_PENDING = (0xFF00, 0xFF01)
_CANNOT_WAIT_LONGER = 60.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a peer listens, on ``more_ports`` too where it has several nodes, and its AE title."""

    host: str
    port: int
    aet: str
    more_ports: tuple[int, ...] = ()

    @property
    def pair(self) -> tuple[str, int]:
        """As sockets want it."""
        return self.host, self.port

    @property
    def pairs(self) -> list[tuple[str, int]]:
        """Of every node."""
        return [(self.host, port) for port in (self.port, *self.more_ports)]


def _request(address: Address, *abstract_syntaxes: str, as_scp: bool = False) -> bytes:
    contexts = [
        encode.Context(2 * n + 1, uid, (ExplicitVRLittleEndian,), as_scp and n > 0)
        for n, uid in enumerate(abstract_syntaxes)
    ]
    return encode.associate_request(CALLING, address.aet, contexts)


# --- associations and C-ECHO ----------------------------------------------------------------


def first_association(address: Address) -> None:
    """Try again until an association is accepted. Raises TimeoutError after a minute."""
    request = encode.associate_request(
        CALLING, address.aet, [encode.Context(1, Verification, (ImplicitVRLittleEndian,))]
    )
    deadline = time.monotonic() + _CANNOT_WAIT_LONGER
    while True:
        try:
            connect(address.pair, request, seconds=5).release()
        except (OSError, Refused):
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing accepts at {address}") from None
            time.sleep(0.002)
        else:
            return


def first_connection(port: int) -> None:
    """Try again until somebody listens for HTTP, too. Raises TimeoutError after a minute."""
    deadline = time.monotonic() + _CANNOT_WAIT_LONGER
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody listens for HTTP on port {port}") from None
            time.sleep(0.002)
        else:
            return


def _verification(address: Address) -> bytes:
    return encode.associate_request(
        CALLING, address.aet, [encode.Context(1, Verification, (ImplicitVRLittleEndian,))]
    )


def associate_many(address: Address, count: int) -> Sample:
    """``count`` times connect, associate, release; ``figures`` has the median of one in ms."""
    request = _verification(address)
    each = []
    with Clock() as clock:
        for _ in range(count):
            start = time.perf_counter()
            connect(address.pair, request).release()
            each.append(time.perf_counter() - start)
    return clock.sample(count, median_ms=statistics.median(each) * 1000)


def echo(address: Address, count: int) -> Sample:
    """``count`` C-ECHOs on one association."""
    messages = [
        encode.message(1, encode.echo_request(n % 65535 + 1, Verification)) for n in range(count)
    ]
    with connect(address.pair, _verification(address)) as association:
        with Clock() as clock:
            for each in messages:
                if association.exchange(each):
                    raise Refused("a C-ECHO was answered with a failure")
        association.release()
    return clock.sample(count)


# --- C-STORE --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Store:
    """``count`` instances of ``kind`` over ``associations``; ``run`` seeds the UIDs.

    Each association has a study of its own, unless ``one_study``; a series has ``series_of``.
    """

    kind: str
    count: int
    associations: int
    run: str
    one_study: bool = False
    series_of: int = 250


def _shares(job: Store) -> list[list[Instance]]:
    """The instances of each association."""
    kind, uids = kind_named(job.kind), Uids(job.run)
    share, more = divmod(job.count, job.associations)
    shares, first = [], 0
    for n in range(job.associations):
        size = share + (n < more)
        study = 0 if job.one_study else n
        start = first if job.one_study else 0
        made = instances(kind, uids, size, first=start, study=study, series_of=job.series_of)
        shares.append(made)
        first += size
    return shares


def _plan(made: Sequence[Instance], max_pdu: int) -> list[Callable[[], encode.Buffers]]:
    """The messages of one association; the small ones are encoded here and now."""
    plan: list[Callable[[], encode.Buffers]] = []
    for n, instance in enumerate(made):
        message = partial(_store_message, instance, n % 65535 + 1, max_pdu)
        large = instance.size > (16 << 20)
        plan.append(message if large else partial(_same, message()))
    return plan


def _same(buffers: encode.Buffers) -> encode.Buffers:
    return buffers


def _store_message(instance: Instance, message_id: int, max_pdu: int) -> encode.Buffers:
    command = encode.store_request(message_id, instance.kind.sop_class, instance.sop_instance_uid)
    return encode.message(1, command, instance.pieces(), instance.size, max_pdu)


def store(address: Address, job: Store) -> Sample:
    """Store; the clock runs from the first connection to the last release."""
    request = _request(address, kind_named(job.kind).sop_class)
    with connect(address.pair, request) as probe:
        max_pdu = probe.accepted.max_pdu
        if 1 not in probe.accepted.contexts:
            raise Refused("the presentation context for storage was not accepted")
        probe.release()
    plans = [_plan(share, max_pdu) for share in _shares(job)]
    if job.associations == 1:
        return _store_on_one(address, request, plans[0])
    messages: list[Messages] = [partial(_known, plan) for plan in plans]
    with Clock() as clock:
        stored = store_all(address.pairs, request, messages)
    return clock.sample(stored)


def _known(
    plan: Sequence[Callable[[], encode.Buffers]], _max_pdu: int
) -> Sequence[Callable[[], encode.Buffers]]:
    return plan


def _store_on_one(
    address: Address, request: bytes, plan: Sequence[Callable[[], encode.Buffers]]
) -> Sample:
    with Clock() as clock, connect(address.pair, request) as association:
        for build in plan:
            status = association.exchange(build())
            if status:
                raise Refused(f"a C-STORE was answered with {status:04X}H")
        association.release()
    return clock.sample(len(plan))


# --- C-FIND ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Query:
    """An identifier: its level, and keywords with values; empty ones are asked for."""

    level: str
    keys: dict[str, str]

    def encoded(self) -> bytes:
        """The identifier in explicit VR little endian."""
        dataset = Dataset()
        dataset.QueryRetrieveLevel = self.level
        for keyword, value in self.keys.items():
            setattr(dataset, keyword, value)
        return encoded(dataset)


def find(address: Address, queries: Sequence[Query]) -> Sample:
    """Ask one after the other on one association.

    ``count`` is the number of matches of the last; ``figures`` has the medians, in ms, of the time
    to the first answer and to the last.
    """
    model = StudyRootQueryRetrieveInformationModelFind
    messages = []
    for n, query in enumerate(queries):
        identifier = query.encoded()
        command = encode.query_request(n + 1, model)
        messages.append(encode.message(1, command, [identifier], len(identifier)))
    firsts, lasts, matches = [], [], 0
    with connect(address.pair, _request(address, model)) as association:
        with Clock() as clock:
            for each in messages:
                first, last, matches = _ask(association, each)
                firsts.append(first)
                lasts.append(last)
        association.release()
    return clock.sample(
        matches,
        first_ms=statistics.median(firsts) * 1000,
        last_ms=statistics.median(lasts) * 1000,
    )


def _ask(association: Association, question: encode.Buffers) -> tuple[float, float, int]:
    start, first, matches = time.perf_counter(), 0.0, 0
    association.send(question)
    for pdv in association.stream.pdvs():
        if not pdv.is_command:
            continue
        if not first:
            first = time.perf_counter() - start
        status = status_in(pdv.data)
        if status in _PENDING:
            matches += 1
        elif status == 0:
            break
        else:
            raise Refused(f"a C-FIND was answered with {status:04X}H")
    return first, time.perf_counter() - start, matches


# --- C-GET and C-MOVE -----------------------------------------------------------------------


@lru_cache
def _receiver() -> Receiver:
    return Receiver()


def receiver_port() -> int:
    """Where this process takes what C-MOVE sends, from the first call on."""
    return _receiver().port


def get(address: Address, sop_class: str, keys: dict[str, str]) -> Sample:
    """C-GET of what ``keys`` name; the clock runs from the request to the final response."""
    model = StudyRootQueryRetrieveInformationModelGet
    tally = Tally()
    request = _request(address, model, sop_class, as_scp=True)
    with connect(address.pair, request) as association:
        with Clock() as clock:
            _retrieve(association, keys, encode.retrieve_request(1, model), tally)
        association.release()
    return clock.sample(tally.instances, bytes=tally.size)


def move(address: Address, keys: dict[str, str]) -> Sample:
    """C-MOVE to the receiver of this process; the clock runs as for C-GET."""
    model = StudyRootQueryRetrieveInformationModelMove
    receiver = _receiver()
    receiver.tally = tally = Tally()
    command = encode.retrieve_request(1, model, RECEIVER_AET)
    with connect(address.pair, _request(address, model)) as association:
        with Clock() as clock:
            _retrieve(association, keys, command, Tally())
        association.release()
    return clock.sample(tally.instances, bytes=tally.size)


def _retrieve(association: Association, keys: dict[str, str], command: bytes, tally: Tally) -> None:
    level = "IMAGE" if "SOPInstanceUID" in keys else "STUDY"
    identifier = Query(level, keys).encoded()
    association.send(encode.message(1, command, [identifier], len(identifier)))
    sink = InstanceSink(association.socket, tally)
    for pdv in association.stream.pdvs():
        response = sink.take(pdv)
        if response is None:
            continue
        status = int.from_bytes(response[0x0900], "little")
        if status not in _PENDING:
            if status:
                raise Refused(f"a retrieval ended with {status:04X}H")
            return


def expect(count: int) -> None:
    """Count from anew what comes to the receiver of this process, up to ``count`` instances."""
    _receiver().tally = Arrivals(count)


def arrivals(seconds: float) -> Sample:
    """What was to be expected; the clock runs from the first association to the last instance."""
    tally = _receiver().tally
    assert isinstance(tally, Arrivals), "expect() comes before"
    return tally.sample(seconds)


# --- associations that stay ------------------------------------------------------------------

_held: list[Association] = []


def hold(address: Address, count: int) -> int:
    """Open ``count`` associations and keep them; how many were accepted before one was not."""
    request = _verification(address)
    with contextlib.suppress(OSError, Refused):
        while len(_held) < count:
            _held.append(connect(address.pair, request, seconds=2))
    return len(_held)


def let_go() -> None:
    """Close what is held, without a release."""
    for association in _held:
        association.socket.close()
    _held.clear()


def watch_held() -> int:
    """Wait until the peer has ended all that is held; how many got an A-ABORT."""
    aborted = sum(_ended())
    _held.clear()
    return aborted


def _ended() -> Iterator[bool]:
    for association in _held:
        yield association.wait_for_end()
