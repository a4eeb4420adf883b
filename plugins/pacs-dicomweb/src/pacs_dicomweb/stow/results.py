"""What is answered of each instance: the Store Instances Response Module (PS3.18 10.5.3, I.2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from pacs_dicomweb.accept import accepted, not_acceptable
from pacs_dicomweb.located import ROOT
from pacs_dicomweb.model.datasets import text_json
from pacs_dicomweb.model.documents import object_text
from pacs_dicomweb.model.xml_writing import xml_document
from pacs_framework.archive.ingest import StoreOutcome
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.status import Status
from pacs_framework.errors import OutOfResources, PacsError, StorageError
from pacs_http.api import Request, Response

__all__ = ["JSON", "XML", "Outcomes", "Results", "chosen_form"]

JSON = "application/dicom+json"
XML = "application/dicom+xml"

_CLASS, _INSTANCE = 0x00081150, 0x00081155
_RETRIEVE_URL, _WARNING_REASON, _FAILURE_REASON = 0x00081190, 0x00081196, 0x00081197
_FAILED, _REFERENCED, _OTHER_FAILURES = 0x00081198, 0x00081199, 0x0008119A


def chosen_form(request: Request) -> str:
    """The media type of the answer. Raises `Problem` 406 before anything is stored."""
    for each in accepted(request):
        for form, also in ((JSON, "application/json"), (XML, "application/xml")):
            if each.takes(form) or each.takes(also) or each.takes_parts(form):
                return form
    raise not_acceptable([JSON, XML])


@dataclass(slots=True)
class Outcomes:
    """What became of the instances of one request, in their order, each as DICOM JSON."""

    _stored: list[str] = field(default_factory=list)
    _failed: list[str] = field(default_factory=list)
    _unnamed: list[str] = field(default_factory=list)
    _causes: list[PacsError] = field(default_factory=list)
    _warned: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been stored or refused."""
        return not (self._stored or self._failed or self._unnamed)

    @property
    def has_stored(self) -> bool:
        """Whether anything was stored."""
        return bool(self._stored)

    @property
    def causes(self) -> Sequence[PacsError]:
        """Why those that failed did."""
        return self._causes

    def kept(self, meta: tuple[str, str], url: str, status: int) -> None:
        """An instance that is durable: its SOP Class and SOP Instance UID, and where it is."""
        item = _reference(*meta) | {_RETRIEVE_URL: text_json("UR", url)}
        if status != Status.SUCCESS:
            item[_WARNING_REASON] = _reason(status)
            self._warned = True
        self._stored.append(object_text(item))

    def failed(self, meta: FileMeta, error: PacsError) -> None:
        """An instance that is not kept, and why."""
        item = _reference(meta.sop_class_uid, meta.sop_instance_uid)
        item[_FAILURE_REASON] = _reason(error.status)
        self._failed.append(object_text(item))
        self._causes.append(_bare(error))

    def unnamed(self, error: PacsError) -> None:
        """A part that does not say of which instance it is."""
        self._unnamed.append(object_text({_FAILURE_REASON: _reason(error.status)}))
        self._causes.append(_bare(error))

    def answer(self, form: str) -> Response:
        """The answer to the request (PS3.18 Table 10.5.3-1).

        The reason why the first one failed is in a Warning header, since the module has but numbers
        for it.
        """
        text = self._module()
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

    def _retrieve_url(self) -> str | None:
        """Where all of them are, empty where they are at several places; None: it is not told."""
        return None

    def _module(self) -> str:
        """The whole of it, in the order of tags."""
        members = {}
        url = self._retrieve_url()
        if url is not None:
            members[_RETRIEVE_URL] = text_json("UR", url)
        for tag, items in (
            (_FAILED, self._failed),
            (_REFERENCED, self._stored),
            (_OTHER_FAILURES, self._unnamed),
        ):
            if items:
                members[tag] = f'{{"vr":"SQ","Value":[{",".join(items)}]}}'
        return object_text(members)


@dataclass(slots=True)
class Results(Outcomes):
    """Those of instances of studies. ``studies`` is their address, as the client sees it."""

    studies: str = ""

    _study_uids: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, request: Request) -> Results:
        """None yet."""
        return cls(studies=f"{request.base_url}{ROOT}/studies")

    def stored(self, outcome: StoreOutcome) -> None:
        """An instance that is durable and indexed, as what it is kept."""
        study = f"{self.studies}/{outcome.study_instance_uid}"
        url = f"{study}/series/{outcome.series_instance_uid}/instances/{outcome.sop_instance_uid}"
        self.kept((outcome.sop_class_uid, outcome.sop_instance_uid), url, outcome.status)
        self._study_uids.add(outcome.study_instance_uid)

    def _retrieve_url(self) -> str:
        only = len(self._study_uids) == 1
        return f"{self.studies}/{next(iter(self._study_uids))}" if only else ""


def _bare(error: PacsError) -> PacsError:
    """Without the calls that it came from: they hold the bytes of the instance as long as it."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _reference(sop_class_uid: str, sop_instance_uid: str) -> dict[int, str]:
    return {
        _CLASS: text_json("UI", sop_class_uid),
        _INSTANCE: text_json("UI", sop_instance_uid),
    }


def _reason(status: int) -> str:
    return f'{{"vr":"US","Value":[{int(status)}]}}'


def _quotable(text: str) -> str:
    kept = text[:200].encode("ascii", "replace").decode()
    return "".join(each if each.isprintable() and each not in '"\\' else "'" for each in kept)
