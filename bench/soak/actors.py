"""Peers of every kind, good and bad; each plays its scene again and again until it is told to stop.

An actor raises `Unexpected` when the archive does what it must not do. What happens to an actor
that misbehaves itself is the archive's affair, as long as the others do not notice.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import struct
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import ClassVar

from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from bench.client import encode
from bench.client.receiving import InstanceSink, Receiver, Tally
from bench.client.tasks import CALLING, RECEIVER_AET, Address, Query
from bench.client.wire import Association, Refused, connect, status_in
from bench.data import Instance, Uids, instances, kind_named

__all__ = ["ACTORS", "Actor", "Stage", "Unexpected", "images_of"]

_EXPLICIT = "1.2.840.10008.1.2.1"
_PENDING = (0xFF00, 0xFF01)
_CANCELLED = 0xFE00
_SOP_INSTANCE = re.compile(rb"\x08\x00\x18\x00UI(.)\x00", re.DOTALL)


SeriesOfStudy = tuple[str, str]
"""Study Instance UID and Series Instance UID."""


class Unexpected(Exception):
    """The archive did what it must not do."""


@dataclass
class Stage:
    """What actors share. ``acknowledged`` maps (study, series) to the instances with SUCCESS."""

    address: Address
    run: str
    receiver: Receiver
    room: int
    acknowledged: dict[SeriesOfStudy, set[str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    studies: Iterator[int] = field(default_factory=lambda: count(1))
    stored_bytes: int = 0
    moving: threading.Lock = field(default_factory=threading.Lock)

    def note(self, made: Instance) -> None:
        """An instance was acknowledged."""
        with self.lock:
            series = (made.study_instance_uid, made.series_instance_uid)
            self.acknowledged.setdefault(series, set()).add(made.sop_instance_uid)
            self.stored_bytes += made.size

    def some_series(self, chance: random.Random) -> tuple[SeriesOfStudy, int] | None:
        """A series that is stored, and how many instances it has at least."""
        with self.lock:
            if not self.acknowledged:
                return None
            series = chance.choice(list(self.acknowledged))
            return series, len(self.acknowledged[series])

    def associate(self, *abstract_syntaxes: str, as_scp: bool = False) -> Association:
        """An association with one context for each, odd ids from 1 on."""
        contexts = [
            encode.Context(2 * n + 1, uid, (_EXPLICIT,), as_scp and n > 0)
            for n, uid in enumerate(abstract_syntaxes)
        ]
        request = encode.associate_request(CALLING, self.address.aet, contexts)
        return connect(self.address.pair, request, seconds=30)


class Actor(ABC):
    """One peer; ``pause`` is how many seconds it rests between scenes, in the mean."""

    pause: ClassVar[float] = 0.1

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.chance = random.Random(seed)
        self.scenes = 0

    @abstractmethod
    def play(self) -> None:
        """One scene."""

    def rest(self, stop: threading.Event) -> None:
        """Between scenes."""
        stop.wait(self.chance.expovariate(1 / self.pause))

    def new_study(self, kind: str, most: int) -> list[Instance]:
        """Instances that nobody has sent yet."""
        number = next(self.stage.studies)
        made = self.chance.randint(1, most)
        return instances(kind_named(kind), Uids(self.stage.run), made, study=number)


def _store_message(made: Instance, number: int, max_pdu: int) -> encode.Buffers:
    command = encode.store_request(number, made.kind.sop_class, made.sop_instance_uid)
    return encode.message(1, command, made.pieces(), made.size, max_pdu)


class Scanner(Actor):
    """Stores a study of small images."""

    kind = "mr"
    most = 40

    def play(self) -> None:
        """Each has to be acknowledged with SUCCESS."""
        made = self.new_study(self.kind, self.most)
        association = self.stage.associate(made[0].kind.sop_class)
        for number, each in enumerate(made, start=1):
            buffers = _store_message(each, number, association.accepted.max_pdu)
            status = association.exchange(buffers)
            if status:
                raise Unexpected(f"a C-STORE was answered with {status:04X}H")
            self.stage.note(each)
        association.release()


class LargeScanner(Scanner):
    """Stores a study of CT images, as long as there is room."""

    pause = 1.0
    kind = "ct"
    most = 15

    def play(self) -> None:
        """Large ones are left out when the disk has had its share."""
        if self.stage.stored_bytes < self.stage.room:
            super().play()


class Repeater(Actor):
    """Sends one instance twice: the second one is SUCCESS too, and changes nothing."""

    pause = 0.5

    def play(self) -> None:
        """On two associations."""
        made = self.new_study("mr", 1)[0]
        for _ in range(2):
            association = self.stage.associate(made.kind.sop_class)
            message = _store_message(made, 1, association.accepted.max_pdu)
            if status := association.exchange(message):
                raise Unexpected(f"a C-STORE sent twice was answered with {status:04X}H")
            association.release()
        self.stage.note(made)


class Asker(Actor):
    """Queries a series that is stored, at image level."""

    def play(self) -> None:
        """Everything that was acknowledged before has to be there."""
        chosen = self.stage.some_series(self.chance)
        if chosen is None:
            return
        series, known = chosen
        found = len(images_of(self.stage, series))
        if found < known:
            raise Unexpected(f"a query found {found} instances of {known}")


def images_of(stage: Stage, series: SeriesOfStudy) -> set[str]:
    """The SOP Instance UIDs of a series, as a C-FIND tells them."""
    model = StudyRootQueryRetrieveInformationModelFind
    association = stage.associate(model)
    keys = {"StudyInstanceUID": series[0], "SeriesInstanceUID": series[1], "SOPInstanceUID": ""}
    identifier = Query("IMAGE", keys).encoded()
    command = encode.query_request(1, model)
    association.send(encode.message(1, command, [identifier], len(identifier)))
    found, answer = set(), bytearray()
    for pdv in association.stream.pdvs():
        if pdv.is_command:
            status = status_in(pdv.data)
            if status not in _PENDING:
                break
            continue
        answer += pdv.data
        if pdv.last:
            found.add(_sop_instance_in(bytes(answer)))
            answer.clear()
    if status:
        raise Unexpected(f"a C-FIND was answered with {status:04X}H")
    association.release()
    return found


def _sop_instance_in(answer: bytes) -> str:
    match = _SOP_INSTANCE.search(answer)
    if match is None:
        raise Unexpected("an answer without the SOP Instance UID that was asked for")
    return answer[match.end() : match.end() + match[1][0]].decode().rstrip("\0")


class Canceller(Actor):
    """Asks for everything and cancels after the first answer (PS3.7 9.3.2.3)."""

    pause = 0.5

    def play(self) -> None:
        """The end is FE00H, or 0000H where the last answer was on its way."""
        model = StudyRootQueryRetrieveInformationModelFind
        association = self.stage.associate(model)
        identifier = Query("STUDY", {"StudyInstanceUID": "", "PatientName": "*"}).encoded()
        command = encode.query_request(7, model)
        association.send(encode.message(1, command, [identifier], len(identifier)))
        cancelled = False
        for pdv in association.stream.pdvs():
            if not pdv.is_command:
                continue
            status = status_in(pdv.data)
            if status not in _PENDING:
                break
            if not cancelled:
                association.send(encode.message(1, encode.cancel_request(7)))
                cancelled = True
        if status not in (0, _CANCELLED):
            raise Unexpected(f"a cancelled C-FIND ended with {status:04X}H")
        association.release()


class Viewer(Actor):
    """Fetches a study with C-GET."""

    pause = 0.3

    def play(self) -> None:
        """As many instances as were acknowledged have to come."""
        chosen = self.stage.some_series(self.chance)
        if chosen is None:
            return
        tally = Tally()
        model = StudyRootQueryRetrieveInformationModelGet
        classes = [kind_named(name).sop_class for name in ("mr", "ct")]
        association = self.stage.associate(model, *classes, as_scp=True)
        self._retrieve(association, chosen[0][0], encode.retrieve_request(1, model), tally)
        association.release()
        if tally.instances < chosen[1]:
            raise Unexpected(f"a C-GET brought {tally.instances} instances of {chosen[1]}")

    def _retrieve(self, association: Association, study: str, command: bytes, tally: Tally) -> None:
        identifier = Query("STUDY", {"StudyInstanceUID": study}).encoded()
        association.send(encode.message(1, command, [identifier], len(identifier)))
        sink = InstanceSink(association.socket, tally)
        for pdv in association.stream.pdvs():
            response = sink.take(pdv)
            if response is None:
                continue
            status = int.from_bytes(response[0x0900], "little")
            if status not in _PENDING:
                if status:
                    raise Unexpected(f"a retrieval ended with {status:04X}H")
                return


class Mover(Viewer):
    """Has a study sent to the receiver with C-MOVE; one at a time, or counts would mix."""

    def play(self) -> None:
        """As many instances as were acknowledged have to arrive."""
        chosen = self.stage.some_series(self.chance)
        if chosen is None:
            return
        model = StudyRootQueryRetrieveInformationModelMove
        with self.stage.moving:
            self.stage.receiver.tally = tally = Tally()
            association = self.stage.associate(model)
            command = encode.retrieve_request(1, model, RECEIVER_AET)
            self._retrieve(association, chosen[0][0], command, Tally())
            association.release()
        if tally.instances < chosen[1]:
            raise Unexpected(f"a C-MOVE brought {tally.instances} instances of {chosen[1]}")


class Quitter(Actor):
    """Leaves in the middle of an instance: by A-ABORT, by closing, or by a reset."""

    pause = 0.3

    def play(self) -> None:
        """Nothing of it may stay."""
        made = self.new_study("ct", 1)[0]
        association = self.stage.associate(made.kind.sop_class)
        message = _store_message(made, 1, association.accepted.max_pdu)
        association.send(message[: self.chance.randint(1, len(message) - 1)])
        match self.chance.choice(("abort", "close", "reset")):
            case "abort":
                association.socket.sendall(encode.ABORT)
            case "reset":
                linger = struct.pack("ii", 1, 0)
                association.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        association.socket.close()


class Babbler(Actor):
    """Sends what is no DICOM, before an association or within one."""

    pause = 0.5

    def play(self) -> None:
        """The archive aborts or closes; it need not answer, but it must end the connection."""
        noise = self.chance.randbytes(self.chance.randint(1, 5000))
        if self.chance.random() < 0.5:
            made = self.new_study("mr", 1)[0]
            sock = self.stage.associate(made.kind.sop_class).socket
        else:
            sock = socket.create_connection(self.stage.address.pair, timeout=30)
        with contextlib.closing(sock), contextlib.suppress(OSError):
            sock.sendall(b"\xff" + noise)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass


class SlowSender(Actor):
    """Sends an instance in small pieces with rests between them."""

    pause = 1.0

    def play(self) -> None:
        """It is taken all the same."""
        made = self.new_study("mr", 1)[0]
        association = self.stage.associate(made.kind.sop_class)
        message = b"".join(_store_message(made, 1, association.accepted.max_pdu))
        for start in range(0, len(message), 512):
            association.socket.sendall(message[start : start + 512])
            time.sleep(0.05)
        if status := association.exchange([]):
            raise Unexpected(f"a slow C-STORE was answered with {status:04X}H")
        self.stage.note(made)
        association.release()


class SlowReader(Actor):
    """Asks for a study with C-GET, stops reading for a while, and leaves."""

    pause = 1.0

    def play(self) -> None:
        """Neither a thread nor a descriptor may stay."""
        chosen = self.stage.some_series(self.chance)
        if chosen is None:
            return
        model = StudyRootQueryRetrieveInformationModelGet
        classes = [kind_named(name).sop_class for name in ("mr", "ct")]
        association = self.stage.associate(model, *classes, as_scp=True)
        identifier = Query("STUDY", {"StudyInstanceUID": chosen[0][0]}).encoded()
        command = encode.retrieve_request(1, model)
        association.send(encode.message(1, command, [identifier], len(identifier)))
        time.sleep(self.chance.uniform(0.5, 3))
        with contextlib.suppress(Refused, OSError):
            association.socket.close()


ACTORS: tuple[type[Actor], ...] = (
    Scanner,
    Scanner,
    LargeScanner,
    Repeater,
    Asker,
    Asker,
    Canceller,
    Viewer,
    Mover,
    Quitter,
    Babbler,
    SlowSender,
    SlowReader,
)
