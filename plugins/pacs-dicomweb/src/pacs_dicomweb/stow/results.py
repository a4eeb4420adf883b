"""What is answered of each instance: the Store Instances Response Module (PS3.18 10.5.3, I.2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from pydicom import Dataset

from pacs_dicomweb.accept import accepted, not_acceptable
from pacs_dicomweb.located import ROOT
from pacs_dicomweb.model.datasets import dataset_json
from pacs_dicomweb.model.xml_writing import xml_document
from pacs_framework.archive.ingest import StoreOutcome
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.status import Status
from pacs_framework.errors import OutOfResources, PacsError, StorageError
from pacs_http.api import Request, Response

__all__ = ["JSON", "XML", "Results", "chosen_form"]

JSON = "application/dicom+json"
XML = "application/dicom+xml"


def chosen_form(request: Request) -> str:
    """The media type of the answer. Raises `Problem` 406 before anything is stored."""
    for each in accepted(request):
        for form, also in ((JSON, "application/json"), (XML, "application/xml")):
            if each.takes(form) or each.takes(also) or each.takes_parts(form):
                return form
    raise not_acceptable([JSON, XML])


@dataclass(slots=True)
class Results:
    """What became of the instances of one request, in their order."""

    studies: str
    """The address of all studies, as the client sees it."""

    _stored: list[Dataset] = field(default_factory=list)
    _failed: list[Dataset] = field(default_factory=list)
    _unnamed: list[Dataset] = field(default_factory=list)
    _study_uids: set[str] = field(default_factory=set)
    _causes: list[PacsError] = field(default_factory=list)
    _warned: bool = False

    @classmethod
    def of(cls, request: Request) -> Results:
        """None yet."""
        return cls(studies=f"{request.base_url}{ROOT}/studies")

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been stored or refused."""
        return not (self._stored or self._failed or self._unnamed)

    @property
    def has_stored(self) -> bool:
        """Whether anything was stored."""
        return bool(self._stored)

    def stored(self, outcome: StoreOutcome) -> None:
        """An instance that is durable and indexed, as what it is kept."""
        study = f"{self.studies}/{outcome.study_instance_uid}"
        item = _reference(outcome.sop_class_uid, outcome.sop_instance_uid)
        item.RetrieveURL = (
            f"{study}/series/{outcome.series_instance_uid}/instances/{outcome.sop_instance_uid}"
        )
        if outcome.status != Status.SUCCESS:
            item.WarningReason = int(outcome.status)
            self._warned = True
        self._stored.append(item)
        self._study_uids.add(outcome.study_instance_uid)

    def failed(self, meta: FileMeta, error: PacsError) -> None:
        """An instance that is not kept, and why."""
        item = _reference(meta.sop_class_uid, meta.sop_instance_uid)
        item.FailureReason = int(error.status)
        self._failed.append(item)
        self._causes.append(error)

    def unnamed(self, error: PacsError) -> None:
        """A part that does not say of which instance it is."""
        item = Dataset()
        item.FailureReason = int(error.status)
        self._unnamed.append(item)
        self._causes.append(error)

    def answer(self, form: str) -> Response:
        """The answer to the request (PS3.18 Table 10.5.3-1).

        The reason why the first one failed is in a Warning header, since the module has but numbers
        for it.
        """
        dataset = self._dataset()
        text = dataset_json(dataset)
        body = text.encode() if form == JSON else xml_document(json.loads(text))
        headers = []
        if self._causes:
            headers.append(("Warning", f'299 - "{_quotable(str(self._causes[0]))}"'))
        return Response(status=self._status(), headers=headers, media_type=form, body=body)

    def _status(self) -> HTTPStatus:
        if not self._causes:
            return HTTPStatus.ACCEPTED if self._warned else HTTPStatus.OK
        if self._stored:
            return HTTPStatus.ACCEPTED
        # What has no room or no index now can be sent again: that is no conflict in the request.
        later = [each for each in self._causes if each.status == Status.OUT_OF_RESOURCES]
        if len(later) < len(self._causes):
            return HTTPStatus.CONFLICT
        if all(isinstance(each, OutOfResources) for each in later):
            return OutOfResources.http_status
        return StorageError.http_status

    def _dataset(self) -> Dataset:
        dataset = Dataset()
        dataset.RetrieveURL = ""
        if len(self._study_uids) == 1:
            dataset.RetrieveURL = f"{self.studies}/{next(iter(self._study_uids))}"
        for keyword, items in self._sequences():
            if items:
                setattr(dataset, keyword, items)
        return dataset

    def _sequences(self) -> Sequence[tuple[str, list[Dataset]]]:
        return (
            ("FailedSOPSequence", self._failed),
            ("ReferencedSOPSequence", self._stored),
            ("OtherFailuresSequence", self._unnamed),
        )


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def _quotable(text: str) -> str:
    kept = text[:200].encode("ascii", "replace").decode()
    return "".join(each if each.isprintable() and each not in '"\\' else "'" for each in kept)
