"""What the archive gives out: a study by C-FIND and by C-GET, its data sets as digests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
)

from bench.client import encode
from bench.client.receiving import elements_of
from bench.client.tasks import Query
from bench.client.wire import Association, Pdv, Refused, connect, status_in
from bench.faults.load import AET, EXPLICIT, Address
from bench.faults.material import LARGE, SMALL

__all__ = ["Asker", "Given", "asking"]

_FIND = str(StudyRootQueryRetrieveInformationModelFind)
_GET = str(StudyRootQueryRetrieveInformationModelGet)
_CLASSES = (SMALL.sop_class, LARGE.sop_class)
_SILENCE = 60.0
_C_STORE_RQ = 0x0001
_PENDING = (0xFF00, 0xFF01)
_SERIES_INSTANCE = re.compile(rb"\x20\x00\x0e\x00UI(.)\x00", re.DOTALL)
_SOP_INSTANCE = re.compile(rb"\x08\x00\x18\x00UI(.)\x00", re.DOTALL)


@dataclass(slots=True)
class Given:
    """What a retrieval brought: SHA-256 of each data set by UID, and the final status."""

    digests: dict[str, str] = field(default_factory=dict)
    status: int = 0


class Asker:
    """One association for queries and retrievals."""

    def __init__(self, association: Association) -> None:
        self._association = association

    def found(self, study: str) -> list[str]:
        """SOP Instance UIDs of a study by C-FIND, series by series. Raises Refused and OSError."""
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": ""}
        found = []
        for series in self._find("SERIES", keys, _SERIES_INSTANCE):
            keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": ""}
            found += self._find("IMAGE", keys, _SOP_INSTANCE)
        return found

    def _find(self, level: str, keys: dict[str, str], wanted: re.Pattern[bytes]) -> list[str]:
        """The UIDs that ``wanted`` finds in the answers to a query."""
        self._ask(1, encode.query_request(1, _FIND), Query(level, keys))
        found: list[str] = []
        answer = bytearray()
        for pdv in self._association.stream.pdvs():
            if pdv.is_command:
                status = status_in(pdv.data)
                if status in _PENDING:
                    continue
                if status:
                    raise Refused(f"a C-FIND was answered with {status:04X}H")
                return found
            answer += pdv.data
            if pdv.last:
                found.append(_uid_in(bytes(answer), wanted))
                answer.clear()
        raise Refused("the association ended before the last answer")

    def given(self, study: str) -> Given:
        """A study by C-GET. Raises Refused and OSError."""
        self._ask(3, encode.retrieve_request(1, _GET), Query("STUDY", {"StudyInstanceUID": study}))
        given = Given()
        storing: Mapping[int, bytes] = {}
        digest = hashlib.sha256()
        ended = False
        for pdv in self._association.stream.pdvs():
            if pdv.is_command:
                elements = elements_of(pdv.data)
                storing, digest = {}, hashlib.sha256()
                if _number(elements[0x0100]) == _C_STORE_RQ:
                    storing = elements
                elif (status := _number(elements[0x0900])) not in _PENDING:
                    given.status, ended = status, True
                    if _number(elements[0x0800]) == encode.NO_DATASET:
                        return given
                continue
            digest.update(pdv.data)
            if pdv.last and ended:  # the list of what failed
                return given
            if pdv.last and storing:
                given.digests[_uid(storing[0x1000])] = digest.hexdigest()
                self._acknowledge(pdv, storing)
                storing = {}
        raise Refused("the association ended before the last answer")

    def _ask(self, context: int, command: bytes, query: Query) -> None:
        identifier = query.encoded()
        self._association.send(encode.message(context, command, [identifier], len(identifier)))

    def _acknowledge(self, pdv: Pdv, storing: Mapping[int, bytes]) -> None:
        response = encode.store_response(
            _number(storing[0x0110]), _uid(storing[0x0002]), _uid(storing[0x1000])
        )
        self._association.send(encode.message(pdv.context_id, response))


@contextmanager
def asking(address: Address) -> Iterator[Asker]:
    """An association for queries and retrievals."""
    contexts = [encode.Context(1, _FIND, (EXPLICIT,)), encode.Context(3, _GET, (EXPLICIT,))]
    contexts += [
        encode.Context(5 + 2 * n, uid, (EXPLICIT,), as_scp=True) for n, uid in enumerate(_CLASSES)
    ]
    request = encode.associate_request("JUDGE", AET, contexts)
    with connect(address, request, seconds=_SILENCE) as association:
        yield Asker(association)
        association.release()


def _uid_in(answer: bytes, wanted: re.Pattern[bytes]) -> str:
    match = wanted.search(answer)
    if match is None:
        raise Refused("an answer without the UID that was asked for")
    return _uid(answer[match.end() : match.end() + match[1][0]])


def _number(value: bytes) -> int:
    return int.from_bytes(value, "little")


def _uid(value: bytes) -> str:
    return value.decode().rstrip("\0")
