"""The information models as SCP: C-FIND, by the "Worklist" search method (PS3.4 K.4.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import structlog

from pacs_framework.dicom.answering import answer_to, has_unsupported
from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import QueryError
from pacs_framework.network.cancellation import Cancellation
from pacs_framework.network.service import CommandField, DimseService, Request, SupportedContext
from pacs_non_patient.categories import MODELS
from pacs_non_patient.collection import Collection
from pacs_non_patient.searching import find

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["FindService"]

_log = structlog.get_logger(__name__)


class FindService(DimseService):
    """Answers queries of each model."""

    name: ClassVar[str] = "non-patient-query"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.C_FIND})

    def __init__(self, archive: Archive) -> None:
        self._collection = Collection.of(archive)
        self._models = {model.find: model for model in MODELS}

    def contexts(self) -> Iterable[SupportedContext]:
        """The FIND SOP class of each model; identifiers travel uncompressed."""
        return [
            SupportedContext(abstract_syntax=uid, transfer_syntaxes=UNCOMPRESSED)
            for uid in self._models
        ]

    def serve(self, request: Request) -> None:
        """Answer each match until the last one or a C-CANCEL; no more than a page is held."""
        if not request.has_dataset:
            raise QueryError("C-FIND request without an identifier")
        syntax = request.context.transfer_syntax
        model = self._models[request.context.abstract_syntax]
        identifier = decode_identifier(request.read_dataset(), syntax)
        unsupported = has_unsupported(identifier)
        pending = Status.PENDING_KEYS_NOT_SUPPORTED if unsupported else Status.PENDING
        cancelled, sent = Cancellation(request), 0
        for found in find(self._collection, [model], identifier):
            if cancelled():
                break
            answer = answer_to(identifier, found)
            request.respond(pending, dataset=encode_identifier(answer, syntax))
            sent += 1
        final = Status.CANCEL if cancelled() else Status.SUCCESS
        request.respond(final)
        _log.info("query answered", model=model.name, matches=sent, status=final.name)
