"""Metadata of studies, series and instances (PS3.18 10.4.1.1.2): all but the bulk data."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

import structlog

from pacs_dicomweb.accept import MediaRange, accepted, not_acceptable
from pacs_dicomweb.located import ROOT, locate
from pacs_dicomweb.model.documents import members_of
from pacs_dicomweb.model.encoded import BulkLimits, Renderer
from pacs_dicomweb.model.series import SeriesWriter, written
from pacs_dicomweb.model.xml_writing import xml_document
from pacs_dicomweb.multipart import Chunk, Multipart, Part
from pacs_dicomweb.wado.forgetting import Deletions
from pacs_dicomweb.wado.heads import Heads
from pacs_dicomweb.wado.instances import DOOR, PRIVATE, etag_of
from pacs_dicomweb.wado.negotiating import ZIP
from pacs_dicomweb.wado.objects import Objects, StoredRange
from pacs_dicomweb.wado.placing import HERE, json_array, placed, without_references
from pacs_dicomweb.wado.prepared import RUN, Preparation, PreparedMetadata
from pacs_dicomweb.wado.zipped import Entry, attached, zipped
from pacs_framework.errors import ObjectNotFound, RefusedByPolicy
from pacs_http.api import Response, not_modified

if TYPE_CHECKING:
    from pacs_dicomweb.settings import DicomwebSettings
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import InstanceOpener, StoredInstance
    from pacs_http.api import Request, Resource

__all__ = ["JSON", "XML", "MetadataService", "media_of", "xml_parts"]

JSON = "application/dicom+json"
XML = "application/dicom+xml"
_PLAIN_JSON = "application/json"
_OFFERED = (JSON, f'multipart/related; type="{XML}"')

_VERSION = 2  # of the form in which metadata are kept; another one is not read

_log = structlog.get_logger(__name__)


def media_of(request: Request) -> str:
    """`JSON`, plain JSON or `XML`, as the request accepts it. Raises `Problem` 406."""
    for each in accepted(request):
        if (media := _medium(each)) is not None:
            return media
    raise not_acceptable(_OFFERED)


def _packed_media_of(request: Request) -> tuple[str, bool]:
    """As `media_of`, and whether they are packed into a ZIP archive: of one file with all JSON, or
    of a file for each document of XML (PS3.18 8.6.1.3.4). Raises `Problem` 406.
    """
    for each in accepted(request):
        if each.media_type == ZIP and each.part_type in {"*/*", JSON, XML}:
            return XML if each.part_type == XML else JSON, True
        if (media := _medium(each)) is not None:
            return media, False
    raise not_acceptable([*_OFFERED, ZIP])


def _medium(each: MediaRange) -> str | None:
    if each.takes(JSON):
        return JSON
    if each.takes(_PLAIN_JSON):
        return _PLAIN_JSON
    return XML if each.takes_parts(XML) else None


def xml_parts(texts: Iterator[str]) -> Iterator[Part]:
    """One part of XML for each JSON object."""
    for text in texts:
        document = xml_document(json.loads(text, parse_float=str, parse_int=str))
        yield Part(media_type=f"{XML}; charset=utf-8", pieces=(document,))


class MetadataService:
    """Answers for metadata, from what is prepared or from the headers."""

    def __init__(self, archive: Archive, settings: DicomwebSettings) -> None:
        self._archive = archive
        self._limits = BulkLimits(binary=settings.inline_bytes)
        form = f"{_VERSION}/{self._limits.binary}/{self._limits.other}"
        room = settings.metadata_mebibytes << 20
        self._prepared: PreparedMetadata | None = None
        if room:
            store = archive.tables("dicomweb")
            deletions = Deletions(archive, store)
            self._prepared = PreparedMetadata(store, deletions, form=form, room=room)

    def retrieve(self, request: Request) -> Response:
        """Answer GET of ``…/metadata``. Raises `Problem` and `PacsError`."""
        media, packed = _packed_media_of(request)
        base = f"{request.base_url}{ROOT}/studies/{request.resource.study}/series/"
        objects = Objects(self._archive, request.recipient(DOOR))
        preparation = None if self._prepared is None else self._prepared.begin()
        located = list(locate(self._archive, request.resource, request.scope))
        headers = [PRIVATE]
        if all(map(objects.as_stored, located)):
            keys = (each.storage_key for each in located)
            etag = "W/" + etag_of(media, str(packed), request.base_url, self._form_of_all, *keys)
            if not_modified(request, etag):
                return Response(status=304, headers=[("ETag", etag), PRIVATE])
            headers.append(("ETag", etag))
        texts = self._texts(objects, located, request.resource, preparation)
        first = next(texts, None)
        everything = chain(() if first is None else (first,), texts)
        body, media = _document(everything, media, base, packed=packed)
        headers += [attached("metadata.zip")] if packed else []
        return Response(headers=headers, media_type=media, body=_Body(body, preparation))

    def header(self, request: Request, named: Resource) -> dict[int, str]:
        """The attributes of one instance as whoever asks may see them, without bulk data.

        Nothing where it is kept back or gone. Raises `PacsError`.
        """
        objects = Objects(self._archive, request.recipient(DOOR))
        stored = next(iter(locate(self._archive, named, request.scope)), None)
        if stored is None:
            return {}
        try:
            opened = objects.open(stored)
        except (ObjectNotFound, RefusedByPolicy):
            return {}
        with opened.data as data:
            syntax = opened.instance.transfer_syntax_uid
            members = members_of(data, syntax, Renderer(self._limits), HERE)
        return {tag: text for tag, text in members.items() if HERE not in text}

    @property
    def _form_of_all(self) -> str:
        return f"{_VERSION}/{self._limits.binary}"

    def _texts(
        self,
        objects: Objects,
        located: Sequence[StoredInstance],
        resource: Resource,
        preparation: Preparation | None,
    ) -> Iterator[list[bytes]]:
        """The JSON of all instances, some at a time."""
        writing = _Writing(
            SeriesWriter(Renderer(self._limits), HERE), Heads(self._archive), _runs(located)
        )
        while writing.runs:
            some = writing.runs.popleft()
            yield from self._run(objects, some, resource, preparation, writing)

    def _run(
        self,
        objects: Objects,
        instances: Sequence[StoredInstance],
        resource: Resource,
        preparation: Preparation | None,
        writing: _Writing,
    ) -> Iterator[list[bytes]]:
        for is_changed, some in _parted(objects, instances):
            if is_changed:
                yield from self._changed(objects, some)
            else:
                yield [text for text in self._plain(some, resource, preparation, writing) if text]

    def _plain(
        self,
        instances: Sequence[StoredInstance],
        resource: Resource,
        preparation: Preparation | None,
        writing: _Writing,
    ) -> Sequence[bytes]:
        """What is stored; empty for what is gone."""

        def make(missing: Sequence[StoredInstance]) -> list[bytes]:
            # Where something of a run is kept, the next may be kept as well.
            following = writing.following if len(missing) == len(instances) else ()
            return list(self._stored_texts(missing, following, writing))

        if preparation is None or resource.instance:
            return make(instances)
        return preparation.texts(instances, make, study=resource.study)

    def _stored_texts(
        self,
        instances: Sequence[StoredInstance],
        following: Sequence[StoredInstance],
        writing: _Writing,
    ) -> Iterator[bytes]:
        """The JSON of each; the first one tells how long the headers are likely to be."""
        writer, alone = writing.writer, 0
        while alone < len(instances) and not writer.at_once:
            stored = instances[alone]
            yield self._stored_text(stored, StoredRange(self._archive, stored), writer)
            alone += 1
        left = instances[alone:]
        sources = writing.heads.read(left, writer.at_once, following)
        for stored, source in zip(left, sources, strict=True):
            yield self._stored_text(stored, source, writer)

    def _stored_text(
        self, stored: StoredInstance, source: StoredRange | None, writer: SeriesWriter
    ) -> bytes:
        try:
            if source is not None:
                return placed(writer.write(source, stored.transfer_syntax_uid))
        except ObjectNotFound:
            pass
        return self._opened_text(self._archive.retrieve, stored, Renderer(self._limits))

    def _changed(
        self, objects: Objects, instances: Sequence[StoredInstance]
    ) -> Iterator[list[bytes]]:
        """What the recipient may see of each; nothing of what is kept back or gone."""
        renderer = Renderer(self._limits)
        for each in instances:
            try:
                text = self._opened_text(objects, each, renderer)
            except RefusedByPolicy as error:
                _log.warning(
                    "metadata are kept back",
                    sop_instance_uid=each.sop_instance_uid,
                    reason=str(error),
                )
                continue
            if text:
                yield [text]

    def _opened_text(
        self, opener: InstanceOpener | Objects, stored: StoredInstance, renderer: Renderer
    ) -> bytes:
        try:
            opened = opener.open(stored)
        except ObjectNotFound:
            return b""
        with opened.data as data:
            syntax = opened.instance.transfer_syntax_uid
            members = members_of(data, syntax, renderer, HERE)
        text = placed(written(members))
        if opened.instance.sop_instance_uid != stored.sop_instance_uid:
            # References would tell whose pseudonym this is.
            text = without_references(text)
        return text


@dataclass(frozen=True, slots=True)
class _Writing:
    """What the stored data sets of one answer are written with, and the runs that are to come."""

    writer: SeriesWriter
    heads: Heads
    runs: deque[Sequence[StoredInstance]]

    @property
    def following(self) -> Sequence[StoredInstance]:
        """The next run."""
        return self.runs[0] if self.runs else ()


def _parted(
    objects: Objects, instances: Sequence[StoredInstance]
) -> Iterator[tuple[bool, Sequence[StoredInstance]]]:
    """Those that go out as they are stored, and those that do not, in their order."""
    changed = [not objects.as_stored(each) for each in instances]
    if not any(changed):
        yield False, instances
        return
    for is_changed, group in groupby(zip(instances, changed, strict=True), itemgetter(1)):
        yield is_changed, [each for each, _ in group]


def _runs(located: Sequence[StoredInstance]) -> deque[Sequence[StoredInstance]]:
    """The instances in runs of one series each."""
    runs: deque[Sequence[StoredInstance]] = deque()
    for _, series in groupby(located, key=attrgetter("series_row")):
        instances = list(series)
        runs += [instances[start : start + RUN] for start in range(0, len(instances), RUN)]
    return runs


class _Body:
    """The pieces of an answer; what was prepared on the way is kept when they have gone out."""

    def __init__(self, pieces: Iterable[Chunk], preparation: Preparation | None) -> None:
        self._pieces = pieces
        self._preparation = preparation

    def __iter__(self) -> Iterator[Chunk]:
        return iter(self._pieces)

    def close(self) -> None:
        """Called behind the end of the answer, whole or not."""
        if self._preparation is not None:
            self._preparation.finish()


def _document(
    runs: Iterator[list[bytes]], media: str, base: str, *, packed: bool
) -> tuple[Iterable[Chunk], str]:
    """The body of an answer and its media type."""
    if media != XML:
        array = json_array(runs, base)
        if not packed:
            return array, media
        return zipped([Entry(name="metadata.json", pieces=array, deflated=True)]), ZIP
    texts = (text.decode().replace(HERE, base) for some in runs for text in some)
    if packed:
        return zipped(map(_xml_entry, texts)), ZIP
    parts = Multipart(xml_parts(texts), XML)
    return parts, parts.media_type


def _xml_entry(text: str) -> Entry:
    uid = json.loads(text)["00080018"]["Value"][0]
    (part,) = xml_parts(iter((text,)))
    return Entry(name=f"{uid}.xml", pieces=part.pieces, deflated=True)
