"""The transactions of the Non-Patient Instance Service (PS3.18 12.4 to 12.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_dicomweb.accept import accepted, not_acceptable
from pacs_dicomweb.bodies import answer, chosen_form
from pacs_dicomweb.located import ROOT
from pacs_dicomweb.multipart import Multipart, Part
from pacs_dicomweb.qido.keys import Search, parse_search
from pacs_dicomweb.refusing import told, warning
from pacs_dicomweb.stow.intake import Intake
from pacs_dicomweb.stow.results import Outcomes
from pacs_dicomweb.stow.results import chosen_form as chosen_report
from pacs_dicomweb.wado.instances import PRIVATE, etag_of
from pacs_dicomweb.wado.negotiating import DICOM, EXPLICIT_VR, Packing, Wanted
from pacs_framework.dicom.answering import answer_to
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.dicom.transcode import convert_uncompressed
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import MismatchedInstance
from pacs_http.api import Problem, Request, Response, not_modified

if TYPE_CHECKING:
    from pacs_dicomweb.npi.contract import Kept, NonPatientInstances
    from pacs_framework.archive.archive import Archive

__all__ = ["NonPatientService"]

_JSON, _PLAIN_JSON, _XML = "application/dicom+json", "application/json", "application/dicom+xml"
_MORE = '299 pacs "There are additional results that can be requested."'

_told = told("what belongs to no study")


@dataclass(frozen=True, slots=True)
class NonPatientService:
    """Handlers over the instances of one category. A search answers ``most`` at once, 0 all."""

    category: str
    instances: NonPatientInstances
    archive: Archive
    most: int

    @_told
    def search(self, request: Request) -> Response:
        """GET of the category: any attribute is a key."""
        form = chosen_form(request)
        wanted = parse_search(request.query)
        for keyword in self.instances.categories[self.category]:
            if keyword not in wanted.identifier:
                setattr(wanted.identifier, keyword, [] if keyword.endswith("Sequence") else "")
        found = self.instances.search(self.category, wanted.identifier, wanted.rules)
        page, more = _page(found, wanted, self.most)
        if not page:
            return Response(status=HTTPStatus.NO_CONTENT)
        if not wanted.everything:
            page = [answer_to(wanted.identifier, each) for each in page]
        response = answer(page, form)
        headers = [("Warning", _MORE)] if more else []
        return Response(media_type=response.media_type, headers=headers, body=response.body)

    @_told
    def retrieve(self, request: Request) -> Response:
        """GET of an instance: DICOM JSON or XML with all values, or a DICOM file."""
        kept = self.instances.open(self.category, _uid_in(request))
        for each in accepted(request):
            if each.takes(_JSON) or each.takes(_PLAIN_JSON):
                return _fresh(request, kept, _JSON, partial(_described, kept, _JSON))
            if each.takes(DICOM) or each.takes_parts(DICOM):
                packing = Packing.SINGLE if each.takes(DICOM) else Packing.MULTIPART
                wanted = Wanted(packing, [each.transfer_syntax])
                syntax = wanted.syntax_for(kept.facts.transfer_syntax_uid, self.archive.transcoding)
                if syntax is not None:
                    give = partial(_file, kept, packing, syntax)
                    return _fresh(request, kept, f"{packing.name} {syntax}", give)
            if each.takes(_XML) or each.takes_parts(_XML):
                return _fresh(request, kept, _XML, partial(_described, kept, _XML))
        raise not_acceptable([_JSON, DICOM, Packing.MULTIPART.value, f"multipart/related; {_XML}"])

    @_told
    def store(self, request: Request) -> Response:
        """POST to the category, or to the address of one instance.

        200 where at least one of them is kept, with what became of each; otherwise a problem
        (PS3.18 Table 12.5.3-1).
        """
        form = chosen_report(request)
        outcomes, only = Outcomes(), ""
        if "uid" in request.path_parameters:
            only = _uid_in(request)
        base = f"{request.base_url}{ROOT}/{self.category}"

        def receive(meta: FileMeta, pieces: Iterable[bytes | memoryview]) -> None:
            if only and meta.sop_instance_uid != only:
                raise MismatchedInstance("the instance is another one than the address names")
            kept = self.instances.store(self.category, meta, pieces, request.principal.name)
            url = f"{base}/{meta.sop_instance_uid}"
            outcomes.kept((meta.sop_class_uid, meta.sop_instance_uid), url, kept.status)

        Intake(request, outcomes, receive).take()
        if not outcomes.has_stored:
            raise _nothing_kept(outcomes)
        told = outcomes.answer(form)
        return Response(headers=told.headers, media_type=told.media_type, body=told.body)


def _uid_in(request: Request) -> str:
    uid = request.path_parameters["uid"]
    if not is_valid_uid(uid):
        raise Problem(HTTPStatus.BAD_REQUEST, "what names the instance in the address is no UID")
    return uid


def _page(found: Iterator[Dataset], wanted: Search, most: int) -> tuple[list[Dataset], bool]:
    """What of ``found`` was asked for, and whether there is more."""
    limits = [limit for limit in (wanted.limit, most or None) if limit is not None]
    limit = min(limits, default=None)
    rest = islice(found, wanted.offset, None)
    page = list(islice(rest, limit))
    return page, limit is not None and next(rest, None) is not None


def _fresh(request: Request, kept: Kept, form: str, give: Callable[[], Response]) -> Response:
    """The answer, or 304 where the client has it."""
    etag = etag_of(kept.facts.digest.hex(), form)
    headers = [("ETag", f"W/{etag}"), PRIVATE]
    if not_modified(request, etag):
        return Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    given = give()
    return Response(
        headers=headers, media_type=given.media_type, body=given.body, length=given.length
    )


def _described(kept: Kept, form: str) -> Response:
    """All values; binary ones are inline, as nothing has an address for them."""
    return answer([load_header(_encoded(kept, EXPLICIT_VR), EXPLICIT_VR)], form)


def _file(kept: Kept, packing: Packing, syntax: str) -> Response:
    facts = kept.facts
    meta = FileMeta(
        sop_class_uid=facts.sop_class_uid,
        sop_instance_uid=facts.sop_instance_uid,
        transfer_syntax_uid=syntax,
    )
    body = make_prefix(meta) + _encoded(kept, syntax)
    media_type = f"{DICOM}; transfer-syntax={syntax}"
    if packing is Packing.SINGLE:
        return Response(media_type=media_type, body=body)
    parts = Multipart([Part(media_type=media_type, pieces=(body,))], DICOM)
    return Response(media_type=parts.media_type, body=parts)


def _encoded(kept: Kept, syntax: str) -> bytes:
    stored = kept.facts.transfer_syntax_uid
    if stored == syntax:
        return kept.dataset
    return b"".join(convert_uncompressed(kept.dataset, stored, syntax))


def _nothing_kept(outcomes: Outcomes) -> Problem:
    """Each reason; the status is that of all of them, where they have one in common."""
    causes = outcomes.causes
    statuses = {cause.http_status for cause in causes}
    status = statuses.pop() if len(statuses) == 1 else HTTPStatus.CONFLICT
    reasons = [{"code": f"{int(each.status):04X}", "detail": str(each)} for each in causes]
    detail = reasons[0]["detail"]
    return Problem(
        status,
        f"nothing is stored: {detail}",
        headers=[("Warning", warning(detail))],
        failures=reasons,
    )
