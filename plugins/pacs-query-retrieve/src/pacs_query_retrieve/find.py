"""C-FIND as SCP: one response for each match, until the last or a C-CANCEL (PS3.4 C.4.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import structlog

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.query_keys import level_of
from pacs_framework.dicom.identifier import decode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import QueryError
from pacs_framework.network.cancellation import Cancellation
from pacs_framework.network.service import CommandField, DimseService, Request, SupportedContext
from pacs_query_retrieve.encoding import encode_answer
from pacs_query_retrieve.models import FIND, Negotiated, answer_find, offered
from pacs_query_retrieve.settings import QueryRetrieveSettings

__all__ = ["FindService"]

_log = structlog.get_logger(__name__)


class FindService(DimseService):
    """Answers queries on the models that the site offers."""

    name: ClassVar[str] = "query"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.C_FIND})

    def __init__(self, archive: Archive, settings: QueryRetrieveSettings) -> None:
        self._archive = archive
        self._settings = settings

    def contexts(self) -> Iterable[SupportedContext]:
        """The FIND SOP class of each model; identifiers travel uncompressed."""
        return [
            SupportedContext(abstract_syntax=uid, transfer_syntaxes=UNCOMPRESSED)
            for uid in offered(FIND, self._settings)
        ]

    def negotiate(self, abstract_syntax: str, proposed: bytes) -> bytes | None:
        """Relational queries and what is added to matching, when proposed (PS3.4 C.5.2)."""
        return answer_find(proposed) if abstract_syntax in FIND else None

    def serve(self, request: Request) -> None:
        """Find, and answer each match; a match more than one row at a time is never held."""
        if not request.has_dataset:
            raise QueryError("C-FIND request without an identifier")
        syntax = request.context.transfer_syntax
        root = FIND[request.context.abstract_syntax]
        identifier = decode_identifier(request.read_dataset(), syntax)
        level = level_of(identifier, root)
        negotiated = Negotiated.of(request, self._settings)
        cancellation = Cancellation(request)
        matches = self._archive.query.find(
            level,
            root,
            identifier,
            relational=negotiated.relational,
            rules=negotiated.matching,
            cancelled=cancellation,
            retrieve_aet=request.association.peer.called_aet,
        )
        pending = (
            Status.PENDING if matches.all_keys_supported else Status.PENDING_KEYS_NOT_SUPPORTED
        )
        count = 0
        for answer in matches:
            request.respond(pending, dataset=encode_answer(answer, syntax))
            count += 1
        final = Status.CANCEL if cancellation.requested else Status.SUCCESS
        request.respond(final)
        _log.info("query answered", level=level.value, matches=count, status=final.name)
