"""Searches answered, match by match as the index finds them (PS3.18 10.6)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.tag import BaseTag
from pydicom.valuerep import VR

from pacs_dicomweb.located import ROOT, path_of
from pacs_dicomweb.model.datasets import ANY_CHARACTER, element_json, text_json
from pacs_dicomweb.model.documents import object_text
from pacs_dicomweb.model.values import quoted
from pacs_dicomweb.multipart import Multipart
from pacs_dicomweb.qido.keys import Search, parse_search, without_values
from pacs_dicomweb.qido.returned import SearchResource, returned
from pacs_dicomweb.wado.instances import PRIVATE
from pacs_dicomweb.wado.metadata import XML, media_of, xml_parts
from pacs_framework.archive.query_keys import Root
from pacs_framework.codecs.whole import gathered_whole
from pacs_framework.dicom.attributes import Level
from pacs_http.api import Problem, Resource, Response

if TYPE_CHECKING:
    from pacs_dicomweb.settings import DicomwebSettings
    from pacs_dicomweb.wado.metadata import MetadataService
    from pacs_framework.archive.answers import Answer
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.query import Matches
    from pacs_http.api import Request

__all__ = ["SearchService"]

Members = dict[int, str]

_STUDY, _SERIES, _INSTANCE = 0x0020000D, 0x0020000E, 0x00080018
_RETRIEVE_URL = 0x00081190
_QUERY_LEVEL = 0x00080052
_CHARACTER_SET = 0x00080005
_CHUNK = 1 << 16
_MORE = '299 pacs "There are additional results that can be requested."'


class SearchService:
    """Answers the six search resources."""

    def __init__(
        self, archive: Archive, settings: DicomwebSettings, metadata: MetadataService
    ) -> None:
        self._archive = archive
        self._settings = settings
        self._metadata = metadata

    def handler(self, resource: SearchResource) -> Callable[[Request], Response]:
        """What answers one resource."""
        return lambda request: self.search(request, resource)

    def search(self, request: Request, resource: SearchResource) -> Response:
        """Answer one search. Raises `Problem` and `PacsError`."""
        media = media_of(request)
        search = parse_search(request.query)
        _below(search, request.resource)
        also = without_values(returned(resource, everything=search.everything))
        matches = self._archive.query.answers(
            resource.level,
            Root.STUDY,
            search.identifier,
            relational=True,
            rules=search.rules,
            within=request.scope.reach,
            also=also,
        )
        _check_supported(search, resource.level, matches)
        limit = _limit(search, self._settings.max_answers)
        found = self._found(request, resource, search, matches)
        answers = itertools.islice(found, search.offset, None)
        headers = [PRIVATE]
        texts: Iterator[str] = map(object_text, answers)
        if limit is not None:
            texts, more = _counted(texts, limit)
            headers += [("Warning", _MORE)] if more else []
        first = next(texts, None)
        if first is None:
            return Response(status=HTTPStatus.NO_CONTENT, headers=headers)
        everything = itertools.chain((first,), texts)
        if media == XML:
            body = Multipart(xml_parts(everything), XML)
            return Response(headers=headers, media_type=body.media_type, body=body)
        return Response(headers=headers, media_type=media, body=_array(everything))

    def _found(
        self,
        request: Request,
        resource: SearchResource,
        search: Search,
        matches: Matches[Answer],
    ) -> Iterator[Members]:
        service = f"{request.base_url}{ROOT}"
        common: Members = {}
        for match in matches:
            common = common or _common_members(match)
            members = common | _members(match)
            named = _resource_of(match, resource.level)
            if search.everything and resource.level is Level.IMAGE:
                members = self._metadata.header(request, named) | members
            url = quoted(service + path_of(named))
            members[_RETRIEVE_URL] = f'{{"vr":"UR","Value":[{url}]}}'
            yield dict(sorted(members.items()))


def _common_members(match: Answer) -> Members:
    """What all answers of a search have."""
    return {tag: element_json(each) for tag, each in match.common.items() if tag != _QUERY_LEVEL}


def _members(match: Answer) -> Members:
    """What this answer has, with a character set where it needs one."""
    vrs = match.vrs
    members = {tag: text_json(vrs[tag], text) for tag, text in match.texts.items()}
    for tag, element in match.elements.items():
        members[tag] = element_json(element)
    if not "".join(members.values()).isascii():
        members[_CHARACTER_SET] = ANY_CHARACTER
    return members


def _below(search: Search, named: Resource) -> None:
    """Keep the search below what its path names. Raises `Problem` 400 for a key that says more."""
    for tag, uid in ((_STUDY, named.study), (_SERIES, named.series)):
        if not uid:
            continue
        held = search.identifier.get(tag)
        if held is not None and held.value and held.value != uid:
            keyword = keyword_for_tag(tag)
            raise Problem(HTTPStatus.BAD_REQUEST, f"{keyword} is in the path, and again as a key")
        search.identifier.add(DataElement(BaseTag(tag), VR.UI, uid, already_converted=True))


def _check_supported(search: Search, level: Level, matches: Matches[Answer]) -> None:
    """Raises `Problem` 400 for a key with a value that is not matched at this level."""
    ignored = search.valued & matches.unmatched
    if ignored:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"attribute {min(ignored):08X} is not matched in a search at level {level.value}",
        )


def _limit(search: Search, most: int) -> int | None:
    asked = [limit for limit in (search.limit, most or None) if limit is not None]
    return min(asked, default=None)


def _counted(texts: Iterator[str], limit: int) -> tuple[Iterator[str], bool]:
    """Up to ``limit`` answers, found before the first is sent: whether there are more is told in
    a header. Many of them go to a file.
    """
    pieces = (text.encode() + b"\n" for text in itertools.islice(texts, limit))
    held = gathered_whole(pieces)
    more = next(texts, None) is not None
    return _lines(held), more


def _lines(blocks: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from (line.decode() for line in whole)


def _resource_of(match: Answer, level: Level) -> Resource:
    series = level is not Level.STUDY
    return Resource(
        study=match.texts[_STUDY],
        series=match.texts[_SERIES] if series else "",
        instance=match.texts[_INSTANCE] if level is Level.IMAGE else "",
    )


def _array(texts: Iterator[str]) -> Iterator[bytes]:
    """A JSON array, in chunks of many answers."""
    before, held, size = "[", [], 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size > _CHUNK:
            yield (before + ",".join(held)).encode()
            before, held, size = ",", [], 0
    yield ((before + ",".join(held)) if held else before.strip(",")).encode() + b"]"
