"""Messages, and a sender and a receiver that speak MLLP by hand."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping, Sequence

__all__ = [
    "BOOKED",
    "LINK",
    "MERGE",
    "ORDER",
    "UPDATE",
    "Connection",
    "Receiver",
    "changed",
    "encoded",
]

ORDER = (
    "MSH|^~\\&|RIS|HOSP|PACS|HOSP|20261121093000||ORM^O01|M1|P|2.3.1||||||8859/1",
    "PID|||P1^^^HOSP^MR||Müller^Jörg^^^Dr.||19700131|M",
    "PV1||I|WARD 3|||||0815^Weiß^Anna",
    "ORC|NW|PL1^RIS|FI1^RIS||SC||^^^20261121103000^^R",
    (
        "OBR|1|PL1^RIS|FI1^RIS|CTTHX^CT thorax^LOCAL||||||||||||4711^Roth^Eva||A1|RP1|SPS1||||CT|||"
        "^^^20261121103000"
    ),
    "ZDS|1.2.3.4^^Application^DICOM",
)
"""An order as IHE RAD-4 draws it."""

UPDATE = (
    "MSH|^~\\&|ADT|HOSP|PACS|HOSP|20261121110000||ADT^A08^ADT_A01|U1|P|2.5.1||||||8859/1",
    "EVN||20261121110000",
    "PID|||P1^^^HOSP^MR||Müller-Lang^Jörg||19700131|M",
)
MERGE = (
    "MSH|^~\\&|ADT|HOSP|PACS|HOSP|20261121120000||ADT^A40^ADT_A39|G1|P|2.5.1||||||8859/1",
    "EVN||20261121120000",
    "PID|||P2^^^HOSP^MR||Müller^Jörg||19700131|M",
    "MRG|P1^^^HOSP^MR",
)
LINK = (
    "MSH|^~\\&|MPI|CORP|PACS|HOSP|20261121130000||ADT^A24^ADT_A24|L1|P|2.5.1||||||8859/1",
    "EVN|A24|20261121130000",
    "PID|1||P1^^^HOSP^MR||Müller^Jörg||19700131|M",
    "PV1|1|I",
    "PID|2||C9^^^CLINIC^MR||Mueller^Joerg||19700131|M",
)
"""Two hospitals know one person."""
BOOKED = (
    "MSH|^~\\&|RIS|HOSP|PACS|HOSP|20261121093000||SIU^S12^SIU_S12|B1|P|2.5.1||||||8859/1",
    "SCH|AP1^RIS|AF1^RIS||||BOOKED||||||^^^20261121103000|||||4711^Roth^Eva",
    "PID|1||P1^^^HOSP^MR||Müller^Jörg||19700131|M",
    "PV1|1|O",
    "RGS|1|A",
    "AIS|1|A|CTTHX^CT thorax^LOCAL|20261121104500",
    "AIG|1|A|CT-ROOM-1^CT scanner of room 1|CT",
    "AIL|1|A|RADIOLOGY^R1",
)
"""An appointment without an order."""
_START, _END = b"\x0b", b"\x1c\r"


def changed(segments: Sequence[str], **changes: Mapping[int, str] | None) -> tuple[str, ...]:
    """A message with other fields in the segments named; None takes a segment out."""
    lines = []
    for line in segments:
        change = changes.get(line[:3], {})
        if change is None:
            continue
        fields = line.split("|")
        shift = 1 if fields[0] == "MSH" else 0  # MSH-1 is the separator itself
        for number, text in change.items():
            fields += [""] * (number - shift + 1 - len(fields))
            fields[number - shift] = text
        lines.append("|".join(fields))
    return tuple(lines)


def encoded(segments: Sequence[str], codec: str = "latin-1") -> bytes:
    """A message as it travels."""
    return "".join(f"{line}\r" for line in segments).encode(codec)


class Connection:
    """A sender on one connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=20)
        self._file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(_START + data + _END)

    def answer(self) -> list[list[str]]:
        """The segments of the next answer, each divided into fields; none at the end."""
        block = b""
        while not block.endswith(_END):
            byte = self._file.read(1)
            if not byte:
                return []
            block += byte
        assert block.startswith(_START)
        return [line.split("|") for line in block[1:-2].decode("latin-1").split("\r") if line]

    def ask(self, data: bytes) -> list[list[str]]:
        self.send(data)
        return self.answer()

    def close(self) -> None:
        self._file.close()
        self.socket.close()


class Receiver:
    """Takes messages, one connection after the other, and answers each as ``codes`` say.

    After them AA. None closes the connection without an answer.
    """

    def __init__(self, *codes: str | None) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._codes = list(codes)
        self._more = threading.Condition()
        self.messages: list[list[str]] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def wait_for(self, count: int) -> list[list[str]]:
        """The segments of each message, once there are so many."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.messages) >= count, 20), self.messages
            return list(self.messages)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        block = b""
        while not block.endswith(_END):
            came = connection.recv(1 << 16)
            if not came:
                return
            block += came
        lines = block[1:-2].decode("utf-8").split("\r")
        code = self._codes.pop(0) if self._codes else "AA"
        if code is not None:
            msh = "MSH|^~\\&|HIS||PACS||20261121||ACK|X1|P|2.5.1"
            control_id = lines[0].split("|")[9]
            answer = f"{msh}\rMSA|{code}|{control_id}|because\r".encode()
            connection.sendall(_START + answer + _END)
        with self._more:
            self.messages.append([line for line in lines if line])
            self._more.notify_all()
