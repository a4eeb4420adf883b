"""Another archive as its clients see it: asked by C-FIND, made to send by C-MOVE or C-GET.

The Study Root models of PS3.4 C.6.2, one association for each call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom import Dataset
from pynetdicom import sop_class

from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.status import Status, is_pending
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import PacsError
from pacs_framework.moving.contexts import for_get
from pacs_framework.network import scu
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.errors import AssociationError

if TYPE_CHECKING:
    from pacs_framework.network.association import Association, Response
    from pacs_framework.network.router import Router
    from pacs_framework.network.service import AcceptedContext

__all__ = ["MODELS", "SYNTAXES", "Call", "FoundStudy", "OldArchive", "Refused", "Sent", "Told"]

_FIND = str(sop_class.StudyRootQueryRetrieveInformationModelFind)  # type: ignore[attr-defined]
_MOVE = str(sop_class.StudyRootQueryRetrieveInformationModelMove)  # type: ignore[attr-defined]
_GET = str(sop_class.StudyRootQueryRetrieveInformationModelGet)  # type: ignore[attr-defined]

MODELS = (_FIND, _MOVE, _GET)
"""The SOP classes that the other archive is asked by."""

SYNTAXES = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
"""Explicit, then implicit little endian."""

_COUNTS = {
    "completed": "NumberOfCompletedSuboperations",
    "failed": "NumberOfFailedSuboperations",
    "warned": "NumberOfWarningSuboperations",
    "left": "NumberOfRemainingSuboperations",
}

Call = Callable[[Sequence[ProposedContext], "Router | None"], "Association"]
"""Opens an association to the peer; the services answer what it asks on it."""

Told = Callable[["Sent"], None]
"""Gets what each pending response of a retrieval counts. What it raises cancels the retrieval."""


class Refused(PacsError):
    """The peer answered with a failure, or with something that is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStudy:
    """A study of the peer. ``instances`` is how many it says it has; None where it does not say."""

    uid: str
    date: str = ""
    instances: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a response of a retrieval says (PS3.4 C.4.2.1.4); only a pending one counts ``left``."""

    status: int
    completed: int = 0
    failed: int = 0
    warned: int = 0
    left: int = 0
    comment: str = ""


class OldArchive:
    """The archive that ``call`` reaches. From many threads."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._mutex = threading.Lock()
        self._open: set[Association] = set()
        self._stopped = False

    def studies(self, keys: Mapping[str, str]) -> list[FoundStudy]:
        """The studies that match ``keys``, by keyword.

        Raises `Refused` also where the peer ended before it had told all, and `AssociationError`.
        """
        wanted = {"StudyInstanceUID": "", "StudyDate": "", "NumberOfStudyRelatedInstances": ""}
        found = {}
        for answer in self.find("STUDY", {**wanted, **keys}):
            uid = _uid(answer, "StudyInstanceUID")
            found[uid] = FoundStudy(
                uid=uid, date=str(answer.get("StudyDate", "")), instances=_number(answer)
            )
        return list(found.values())

    def instances(self, study: str) -> dict[str, str]:
        """SOP Class UID by SOP Instance UID of a study; empty class where the peer does not say.

        Raises as `studies` does.
        """
        by_series = self.instances_by_series(study)
        return {uid: sop_class for each in by_series.values() for uid, sop_class in each.items()}

    def instances_by_series(self, study: str) -> dict[str, dict[str, str]]:
        """The same for each Series Instance UID."""
        series = {
            _uid(answer, "SeriesInstanceUID")
            for answer in self.find("SERIES", {"StudyInstanceUID": study, "SeriesInstanceUID": ""})
        }
        found: dict[str, dict[str, str]] = {}
        for uid in sorted(series):
            keys = {"StudyInstanceUID": study, "SeriesInstanceUID": uid}
            keys |= {"SOPInstanceUID": "", "SOPClassUID": ""}
            found[uid] = {
                _uid(answer, "SOPInstanceUID"): str(answer.get("SOPClassUID", "") or "")
                for answer in self.find("IMAGE", keys)
            }
        return found

    def move(
        self, study: str, destination: str = "", *, series: str = "", told: Told | None = None
    ) -> Sent:
        """Have the peer send a study, or one ``series`` of it, to the AE title ``destination``;
        empty: to the one that we call it by.

        Raises `Refused`, `AssociationError`, and what ``told`` raises.
        """
        with self._associated([_context(1, _MOVE)], None) as association:
            context = _accepted(association, _MOVE)
            identifier = _encoded(*_entity(study, series), context)
            responses = scu.c_move(
                association,
                context=context,
                identifier=identifier,
                destination=destination or association.peer.calling_aet,
            )
            return _last(responses, told)

    def get(
        self,
        study: str,
        sop_classes: Sequence[str],
        services: Router,
        *,
        series: str = "",
        told: Told | None = None,
    ) -> Sent:
        """Fetch a study, or one ``series`` of it, over an association of our own, whose C-STOREs
        ``services`` answer.

        ``sop_classes`` are those of its instances. Raises `Refused` where the peer does not offer
        C-GET, `AssociationError`, and what ``told`` raises.
        """
        contexts = [_context(1, _GET), *for_get(sop_classes, services, first_id=3)]
        with self._associated(contexts, services) as association:
            context = _accepted(association, _GET)
            identifier = _encoded(*_entity(study, series), context)
            return _last(scu.c_get(association, context=context, identifier=identifier), told)

    def stop(self) -> None:
        """Abort every association, and open no other: whoever waits on one gets an error."""
        with self._mutex:
            self._stopped = True
            under_way = list(self._open)
        for association in under_way:
            association.abort()

    @contextmanager
    def _associated(
        self, contexts: Sequence[ProposedContext], services: Router | None
    ) -> Iterator[Association]:
        association = self._call(contexts, services)
        with self._mutex:
            self._open.add(association)
            stopped = self._stopped
        try:
            with association:
                if stopped:
                    raise AssociationError("stopped")
                yield association
        finally:
            with self._mutex:
                self._open.discard(association)

    def find(self, level: str, keys: Mapping[str, str]) -> Iterator[Dataset]:
        """The answers to C-FIND at ``level``, by ``keys``: keyword to value, empty for any.

        Raises `Refused` also where the peer ended before it had told all, `AssociationError`, and
        `QueryError` for an answer that cannot be read.
        """
        with self._associated([_context(1, _FIND)], None) as association:
            context = _accepted(association, _FIND)
            identifier = _encoded(level, keys, context)
            responses = scu.c_find(association, context=context, identifier=identifier)
            for response in responses:
                if is_pending(response.status) and response.dataset is not None:
                    yield decode_identifier(response.dataset, context.transfer_syntax)
                elif response.status != Status.SUCCESS:
                    raise Refused(
                        f"C-FIND at level {level} ended with status {response.status:04X}; the "
                        "peer may limit its answers: ask for less at a time"
                    )


def _context(number: int, abstract_syntax: str) -> ProposedContext:
    return ProposedContext(
        context_id=number, abstract_syntax=abstract_syntax, transfer_syntaxes=SYNTAXES
    )


def _accepted(association: Association, abstract_syntax: str) -> AcceptedContext:
    context = association.context_for(abstract_syntax)
    if context is None:
        name = sop_class.uid_to_sop_class(abstract_syntax).name
        raise Refused(f"the peer does not offer {name}")
    return context


def _entity(study: str, series: str) -> tuple[str, dict[str, str]]:
    """Level and unique keys of what is to be sent (PS3.4 C.4.2.1.4)."""
    keys = {"StudyInstanceUID": study}
    return ("SERIES", keys | {"SeriesInstanceUID": series}) if series else ("STUDY", keys)


def _encoded(level: str, keys: Mapping[str, str], context: AcceptedContext) -> bytes:
    dataset = Dataset()
    dataset.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(dataset, keyword, value or None)
    return encode_identifier(dataset, context.transfer_syntax)


def _last(responses: Generator[Response, None, None], told: Told | None) -> Sent:
    """The final response; ``told`` gets those before it."""
    sent = Sent(status=Status.PENDING)
    with closing(responses):  # cancels, where ``told`` raises
        for response in responses:
            sent = _sent(response)
            if told is not None and is_pending(sent.status):
                told(sent)
    return sent


def _sent(response: Response) -> Sent:
    """What it counts is nothing where it does not say."""
    counts = {ours: _count(response.command.get(theirs)) for ours, theirs in _COUNTS.items()}
    comment = str(response.command.get("ErrorComment") or "")
    return Sent(status=response.status, comment=comment, **counts)


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _uid(answer: Dataset, keyword: str) -> str:
    uid = str(answer.get(keyword, "") or "")
    if not is_valid_uid(uid):
        raise Refused(f"the peer answered with {keyword} {uid[:64]!r}, which is no UID")
    return uid


def _number(answer: Dataset) -> int | None:
    try:
        return int(answer.get("NumberOfStudyRelatedInstances"))
    except (TypeError, ValueError):
        return None
