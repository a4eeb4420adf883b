"""The transactions of the Worklist Service (PS3.18 11.4 to 11.12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_dicomweb import reach
from pacs_dicomweb.bodies import answer, chosen_form, dataset_in
from pacs_dicomweb.located import ROOT
from pacs_dicomweb.paging import page_of
from pacs_dicomweb.qido.keys import parse_search
from pacs_dicomweb.refusing import told, warning
from pacs_dicomweb.ups.events import EventChannel
from pacs_framework.dicom.answering import answer_to
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import PacsError
from pacs_http.api import Problem, Request, Response

if TYPE_CHECKING:
    from pacs_dicomweb.ups.contract import Done, Workitems
    from pacs_http.api import Channel, Scope

__all__ = ["WorklistService"]

_GLOBAL = ("1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1")
_UID_NAMES = ("workitem", "AffectedSOPInstanceUID", "SOPInstanceUID")
_LOCK_NAMES = ("transaction", "transaction-uid", "TransactionUID")
_RETURNED = (
    "SOPClassUID",
    "SOPInstanceUID",
    "ProcedureStepState",
    "ScheduledProcedureStepPriority",
    "ProcedureStepLabel",
    "WorklistLabel",
    "ScheduledProcedureStepStartDateTime",
    "ScheduledWorkitemCodeSequence",
    "InputReadinessState",
    "PatientName",
    "PatientID",
    "StudyInstanceUID",
    "AdmissionID",
)
_WARNINGS = {
    0xB300: "the workitem was created with modifications",
    0xB301: "the deletion lock was not granted",
    0xB304: "the workitem is canceled already",
    0xB305: "the workitem was updated with modifications",
    0xB306: "the workitem is completed already",
    0x0001: "optional attributes are not supported",
}


_told = told("its workitems")


@dataclass(frozen=True, slots=True)
class WorklistService:
    """Handlers over the steps of ``items``."""

    items: Workitems

    @_told
    def create(self, request: Request) -> Response:
        """POST /workitems: 201 with the address of the workitem."""
        dataset = dataset_in(request)
        reach.check_kept(request.scope, dataset)
        uid = _uid_of(request, dataset)
        done = self.items.create(uid, dataset)
        where = f"{request.base_url}{ROOT}/workitems/{uid}"
        headers = [("Location", where), ("Content-Location", where), *_warning(done)]
        return Response(status=HTTPStatus.CREATED, headers=headers)

    @_told
    def retrieve(self, request: Request) -> Response:
        """GET /workitems/{workitem}."""
        form = chosen_form(request)
        found = self.items.retrieve(_workitem(request))
        reach.check(request.scope, found)
        return answer([found], form)

    @_told
    def update(self, request: Request) -> Response:
        """POST /workitems/{workitem}, with the Transaction UID in the query or in the body."""
        dataset = dataset_in(request)
        lock = _lock_of(request)
        if lock:
            dataset.TransactionUID = lock
        found = self._in_reach(request)
        if found is not None:  # nor may it leave what its maker may see
            found.update(dataset)
            reach.check_kept(request.scope, found)
        return _done(self.items.update(_workitem(request), dataset))

    @_told
    def change_state(self, request: Request) -> Response:
        """PUT /workitems/{workitem}/state."""
        dataset = dataset_in(request)
        state = str(dataset.get("ProcedureStepState") or "")
        lock = str(dataset.get("TransactionUID") or "")
        if not lock:
            raise Problem(HTTPStatus.BAD_REQUEST, "the Transaction UID is missing")
        self._in_reach(request)
        return _done(self.items.change_state(_workitem(request), state, lock))

    @_told
    def request_cancel(self, request: Request) -> Response:
        """POST /workitems/{workitem}/cancelrequest: 202, which promises nothing."""
        reasons = dataset_in(request, optional=True)
        requester = request.principal.name[:16]
        self._in_reach(request)
        done = self.items.request_cancel(_workitem(request), requester, reasons)
        return Response(status=HTTPStatus.ACCEPTED, headers=_warning(done))

    @_told
    def search(self, request: Request) -> Response:
        """GET /workitems: keys as in a search for studies."""
        form = chosen_form(request)
        wanted = parse_search(request.query)
        for keyword in _RETURNED:
            if keyword not in wanted.identifier:
                setattr(wanted.identifier, keyword, [] if keyword.endswith("Sequence") else "")
        found = self._found(request.scope, wanted.identifier)
        return page_of(found, wanted, form, "workitems", self._whole)

    @_told
    def subscribe(self, request: Request) -> Response:
        """POST /workitems/{workitem}/subscribers/{aet}: 201, with where its event channel is.

        An AE that is a peer of the archive is told by DIMSE (UPS Event) while it has none open.
        """
        lock, keys = _subscription_in(request)
        uid, aet = _workitem(request), _aet(request)
        self._subscribable(request, uid)
        done = self.items.subscribe(uid, aet, lock=lock, keys=keys)
        headers = [("Content-Location", _channel_of(request, aet)), *_warning(done)]
        return Response(status=HTTPStatus.CREATED, headers=headers)

    @_told
    def unsubscribe(self, request: Request) -> Response:
        """DELETE of the same."""
        self._subscribable(request, _workitem(request))
        return _done(self.items.unsubscribe(_workitem(request), _aet(request)))

    @_told
    def suspend(self, request: Request) -> Response:
        """POST …/subscribers/{aet}/suspend, for global subscriptions."""
        self._subscribable(request, _workitem(request))
        return _done(self.items.suspend(_workitem(request), _aet(request)))

    def open_channel(self, request: Request) -> Channel:
        """GET /subscribers/{aet} as a WebSocket: the event reports to an AE title."""
        return EventChannel(self.items, _aet(request))

    def _in_reach(self, request: Request) -> Dataset | None:
        """The workitem of a request by somebody who may not see everything; None for the others.

        Raises `Problem` 404 for one that is out of scope.
        """
        if request.scope.whole:
            return None
        found = self.items.retrieve(_workitem(request))
        reach.check(request.scope, found)
        return found

    def _subscribable(self, request: Request, uid: str) -> None:
        if uid in _GLOBAL:
            reach.check_whole(request.scope)
        else:
            self._in_reach(request)

    def _found(self, scope: Scope, keys: Dataset) -> Sequence[Dataset]:
        """The workitems that match, of those in scope; each says by itself whose it is."""
        if scope.whole:
            return self.items.search(keys)
        found = self.items.search(reach.deciding(keys))
        return [answer_to(keys, each) for each in found if reach.is_admitted(scope, each)]

    def _whole(self, page: Sequence[Dataset]) -> Sequence[Dataset]:
        """All of each workitem; what was deleted since it was found stays as it was found."""
        return [self._all_of(each) for each in page]

    def _all_of(self, found: Dataset) -> Dataset:
        try:
            return self.items.retrieve(str(found.SOPInstanceUID))
        except PacsError as error:
            if error.http_status is HTTPStatus.NOT_FOUND:
                return found
            raise


def _workitem(request: Request) -> str:
    return _checked(request.path_parameters["workitem"])


def _checked(uid: str) -> str:
    if not is_valid_uid(uid):
        raise Problem(HTTPStatus.BAD_REQUEST, "what names the workitem is no UID")
    return uid


def _aet(request: Request) -> str:
    aet = request.path_parameters["aet"].strip()
    if not 0 < len(aet) <= 16 or not aet.isascii() or "\\" in aet:
        raise Problem(HTTPStatus.BAD_REQUEST, "the subscriber is no AE title")
    return aet


def _named(request: Request, names: tuple[str, ...]) -> str:
    """A UID in the query: under one of ``names``, or alone, as ``?1.2.3``."""
    for name, value in request.query:
        if name in names and value:
            return _checked(value)
        if not value and is_valid_uid(name):
            return name
    return ""


def _uid_of(request: Request, dataset: Dataset) -> str:
    """The UID of a new workitem: that of the query, of the data set, or a new one."""
    uid = _named(request, _UID_NAMES) or str(dataset.get("SOPInstanceUID") or "")
    return _checked(uid) if uid else str(generate_uid())


def _lock_of(request: Request) -> str:
    return _named(request, _LOCK_NAMES)


def _channel_of(request: Request, aet: str) -> str:
    """Where the event channel of an AE is: ``ws://…`` or ``wss://…`` (PS3.18 Table 11.10.3-2)."""
    return f"ws{request.base_url.removeprefix('http')}{ROOT}/subscribers/{quote(aet)}"


def _subscription_in(request: Request) -> tuple[bool, Dataset | None]:
    """Whether the workitem is to be locked, and the keys of a filtered subscription.

    PS3.18 11.10.1.2: ``filter=Keyword=value`` once for each key; several with commas.
    """
    lock = request.first("deletionlock") or "false"
    if lock.lower() not in {"true", "false"}:
        raise Problem(HTTPStatus.BAD_REQUEST, "deletionlock is true or false")
    keys = [
        (name, value)
        for each in request.all("filter")
        for name, _, value in (part.partition("=") for part in each.split(",") if part)
    ]
    return lock.lower() == "true", parse_search(keys).identifier if keys else None


def _done(done: Done) -> Response:
    return Response(status=HTTPStatus.OK, headers=_warning(done))


def _warning(done: Done) -> list[tuple[str, str]]:
    text = _WARNINGS.get(int(done.code))
    return [("Warning", warning(text))] if text else []
