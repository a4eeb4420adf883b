"""The transactions of the Storage Commitment Service (PS3.18 13.4, 13.5)."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_dicomweb.bodies import answer, chosen_form, dataset_in
from pacs_dicomweb.commitment.contract import COMMITTED, Commitments, Reference, Results
from pacs_dicomweb.refusing import refusal
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import PacsError
from pacs_http.api import Problem, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CommitmentService"]

_RETRY_AFTER = 5  # seconds


@dataclass(frozen=True, slots=True)
class CommitmentService:
    """Handlers over what ``commitments`` answers."""

    commitments: Commitments

    def request(self, request: Request) -> Response:
        """POST /commitment-requests/{transaction}: 200 with the results, or 202. Raises `Problem`
        and `UnreadableInstance`.
        """
        form, uid = chosen_form(request), _transaction(request)
        instances = _references(dataset_in(request))
        who = request.principal.name
        return _answered(lambda: self.commitments.request(uid, who, instances), form)

    def check(self, request: Request) -> Response:
        """GET of the same: what became of it, for who asked. Raises `Problem`."""
        form, uid = chosen_form(request), _transaction(request)
        return _answered(lambda: self.commitments.result(uid, request.principal.name), form)


def _answered(ask: Callable[[], Results | None], form: str) -> Response:
    try:
        results = ask()
    except PacsError as error:
        raise refusal(error) from error
    if results is None:
        return Response(status=HTTPStatus.ACCEPTED, headers=[("Retry-After", str(_RETRY_AFTER))])
    return answer([_response(results)], form)


def _transaction(request: Request) -> str:
    uid = request.path_parameters["transaction"]
    if not is_valid_uid(uid):
        raise Problem(HTTPStatus.BAD_REQUEST, "the Transaction UID in the path is no UID")
    return uid


def _references(dataset: Dataset) -> list[Reference]:
    """The instances of a Storage Commitment Request Module (J.1)."""
    if dataset.get("ReferencedStudySequence"):
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "Referenced Study Sequence (0008,1110) is not supported: name the instances in "
            "Referenced SOP Sequence (0008,1199)",
        )
    items = dataset.get("ReferencedSOPSequence") or ()
    if not items:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "Referenced SOP Sequence (0008,1199) is missing or empty: it names the instances",
        )
    return [
        (_uid(item, "ReferencedSOPClassUID"), _uid(item, "ReferencedSOPInstanceUID"))
        for item in items
    ]


def _uid(item: Dataset, keyword: str) -> str:
    value = item.get(keyword)
    if not isinstance(value, str) or not is_valid_uid(value):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{keyword} of an item is missing or no UID")
    return str(value)


def _response(results: Results) -> Dataset:
    """The Storage Commitment Response Module (J.2); a sequence that would be empty is left out."""
    dataset = Dataset()
    committed = [_item(each) for each, reason in results.items() if reason == COMMITTED]
    failed = [_item(each, reason) for each, reason in results.items() if reason != COMMITTED]
    if committed:
        dataset.ReferencedSOPSequence = committed
    if failed:
        dataset.FailedSOPSequence = failed
    return dataset


def _item(reference: Reference, reason: int = COMMITTED) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = reference
    if reason != COMMITTED:
        item.FailureReason = reason
    return item
