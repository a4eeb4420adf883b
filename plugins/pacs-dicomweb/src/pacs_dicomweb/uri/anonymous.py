"""An instance without whose it is: ``anonymize=yes`` (PS3.18 9.1.2.3.1).

The anonymizer is the one that the settings name. An answer begins when all of it has been made, so
that what fails is told, and nothing goes out that nobody has looked at.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING

from pacs_dicomweb.located import locate
from pacs_dicomweb.wado.instances import DOOR, PRIVATE
from pacs_dicomweb.wado.negotiating import DICOM, Packing, Wanted
from pacs_dicomweb.wado.objects import Objects
from pacs_framework.anonymizers.applying import anonymous_instance
from pacs_framework.codecs.whole import gathered_whole
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.stream import PieceStream
from pacs_framework.errors import ConfigurationError, ObjectNotFound
from pacs_http.api import Problem, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pacs_framework.anonymizers.applying import AnonymousInstance
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.retrieve import OpenInstance
    from pacs_http.api import Request

__all__ = ["retrieve_anonymous"]


def retrieve_anonymous(archive: Archive, name: str, request: Request, syntax: str) -> Response:
    """The instance of a request as the anonymizer ``name`` makes it, in a transfer syntax.

    ``syntax`` is a UID, ``*`` for that of the stored instance, or empty for the default. Raises
    `Problem` 406 for a transfer syntax that cannot be had and 501 without an anonymizer, and
    `NotAnonymized`.
    """
    if not name:
        raise Problem(
            HTTPStatus.NOT_IMPLEMENTED,
            "nothing is de-identified here: the archive names no anonymizer for this service "
            "(setting anonymizer of [plugin.dicomweb])",
        )
    try:
        anonymizer = archive.anonymizers[name]
    except ConfigurationError as error:  # all plugins with anonymizers are gone
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, str(error)) from error
    opened = _opened(archive, request)
    stored = opened.instance.transfer_syntax_uid
    with opened.data:
        target = Wanted(Packing.SINGLE, [syntax]).syntax_for(stored, archive.transcoding)
        if target is None:
            raise Problem(
                HTTPStatus.NOT_ACCEPTABLE,
                "the instance cannot be had in this transfer syntax: transferSyntax=* gives it in "
                "its own",
            )
        made = anonymous_instance(anonymizer, opened.data, stored, archive.transcoding)
        # Pixels that had to be changed may be native now, and nobody asked for another syntax.
        sent = made.meta.transfer_syntax_uid if target == stored else target
        body = gathered_whole(_pieces(archive, made, sent))
    media_type = f"{DICOM}; transfer-syntax={sent}"
    return Response(headers=[PRIVATE], media_type=media_type, body=body)


def _opened(archive: Archive, request: Request) -> OpenInstance:
    """What the one who asks may see of the instance."""
    located = locate(archive, request.resource, request.scope)
    stored = next(iter(located), None)
    if stored is None:
        raise ObjectNotFound("the instance was deleted a moment ago")
    return Objects(archive, request.recipient(DOOR)).open(stored)


def _pieces(archive: Archive, made: AnonymousInstance, syntax: str) -> Iterator[bytes]:
    """A DICOM file, whose header does not name who sent the original."""
    from_syntax = made.meta.transfer_syntax_uid
    dataset = made.dataset
    if syntax != from_syntax:
        dataset = archive.transcoding.convert(PieceStream(dataset), from_syntax, syntax)
    meta = replace(made.meta, transfer_syntax_uid=syntax)
    return chain((make_prefix(meta),), dataset)
