"""The transactions of the Modality Performed Procedure Step Service (PS3.18 15.4 to 15.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_dicomweb import reach
from pacs_dicomweb.bodies import answer, chosen_form, dataset_in
from pacs_dicomweb.located import ROOT
from pacs_dicomweb.qido.keys import Search, parse_search
from pacs_dicomweb.refusing import told, warning
from pacs_framework.dicom.uids import is_valid_uid
from pacs_http.api import Problem, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pacs_dicomweb.procedure_steps.contract import PerformedSteps
    from pacs_http.api import Scope

__all__ = ["PerformedService"]

_UPDATE = "update"
_INCLUDE = frozenset({"includefield", "accept", "charset"})
_NOT_KEPT = "attributes that no dictionary has were not kept"


_told = told("what modalities have performed")


@dataclass(frozen=True, slots=True)
class PerformedService:
    """Handlers over the steps of ``steps``."""

    steps: PerformedSteps

    @_told
    def write(self, request: Request) -> Response:
        """POST /modality-performed-procedure-steps/{step}: creates it, or with ?update changes it.

        Raises `Problem` and `UnreadableInstance`.
        """
        uid = _uid_of(request)
        return self._update(request, uid) if _is_update(request) else self._create(request, uid)

    def _create(self, request: Request, uid: str) -> Response:
        dataset = dataset_in(request)
        if not _is_admitted(request.scope, dataset):
            raise Problem(HTTPStatus.FORBIDDEN, "this step is outside of what you may work on")
        lacking = self.steps.create(uid, dataset, request.principal.name)
        where = f"{request.base_url}{ROOT}/modality-performed-procedure-steps/{uid}"
        headers = [("Location", where), ("Content-Location", where), *_not_kept(lacking)]
        return Response(status=HTTPStatus.CREATED, headers=headers)

    def _update(self, request: Request, uid: str) -> Response:
        modifications = dataset_in(request)
        if not request.scope.whole:  # whose it is cannot be changed: one look before is enough
            self._in_reach(request.scope, uid)
        lacking = self.steps.update(uid, modifications, request.principal.name)
        return Response(status=HTTPStatus.OK, headers=_not_kept(lacking))

    @_told
    def retrieve(self, request: Request) -> Response:
        """GET of the same: all of a step, or what includefield names. Raises `Problem`."""
        form, wanted = chosen_form(request), _included(request)
        found = self._in_reach(request.scope, _uid_of(request))
        if wanted.identifier and not wanted.everything:
            found = _part(found, wanted.identifier)
        return answer([found], form)

    def _in_reach(self, scope: Scope, uid: str) -> Dataset:
        found = self.steps.retrieve(uid)
        if not _is_admitted(scope, found):
            raise Problem(HTTPStatus.NOT_FOUND, f"there is no step {uid}")
        return found


def _uid_of(request: Request) -> str:
    uid = request.path_parameters["step"]
    if not is_valid_uid(uid):
        raise Problem(HTTPStatus.BAD_REQUEST, "what names the step is no UID")
    return uid


def _is_update(request: Request) -> bool:
    """PS3.18 15.5.1.2: the parameter has no value. Any other one might be meant as a condition."""
    names = {name for name, _ in request.query}
    if names - {_UPDATE, "accept", "charset"} or request.first(_UPDATE):
        raise Problem(HTTPStatus.BAD_REQUEST, "?update, without a value, is the only parameter")
    return _UPDATE in names


def _included(request: Request) -> Search:
    if {name for name, _ in request.query} - _INCLUDE:
        raise Problem(HTTPStatus.BAD_REQUEST, "includefield is the only parameter of a retrieval")
    wanted = parse_search(request.query)
    if wanted.everything and wanted.identifier:
        raise Problem(HTTPStatus.BAD_REQUEST, "includefield=all is there beside other ones")
    return wanted


def _part(dataset: Dataset, keys: Dataset) -> Dataset:
    """The attributes that ``keys`` names, of sequences those in their items; what is there."""
    part = Dataset()
    for key in keys:
        if key.tag not in dataset:
            continue
        found = dataset[key.tag]
        if key.VR == "SQ" and key.value:
            items = [_part(item, key.value[0]) for item in found.value or ()]
            part.add_new(key.tag, "SQ", items)
        else:
            part.add(found)
    return part


def _is_admitted(scope: Scope, dataset: Dataset) -> bool:
    """A step belongs to each study that it was scheduled for: all of them have to be in scope."""
    return all(reach.is_admitted(scope, each) for each in _planned(dataset))


def _planned(dataset: Dataset) -> Iterator[Dataset]:
    for item in dataset.get("ScheduledStepAttributesSequence") or (Dataset(),):
        planned = Dataset()
        planned.PatientID = str(dataset.get("PatientID") or "")
        planned.StudyInstanceUID = str(item.get("StudyInstanceUID") or "")
        yield planned


def _not_kept(tags: Sequence[int]) -> list[tuple[str, str]]:
    return [("Warning", warning(_NOT_KEPT))] if tags else []
