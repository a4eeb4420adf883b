"""The Modality Worklist SOP class as SCP (PS3.4 K.4): C-FIND over all sources of items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

import structlog
from pydicom import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityWorklistInformationFind,
)

from pacs_framework.dicom.answering import answer_to, has_unsupported
from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import PluginError, QueryError
from pacs_framework.network.service import CommandField, DimseService, Request, SupportedContext
from pacs_worklist.patients import asks_for_others, with_others, without_others
from pacs_worklist.query import WorklistQuery
from pacs_worklist.steps import single_steps, step_of, text_of

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_worklist.settings import WorklistSettings

__all__ = ["WorklistService", "find_items"]

_log = structlog.get_logger(__name__)


class WorklistService(DimseService):
    """Answers modalities."""

    name: ClassVar[str] = "worklist"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.C_FIND})

    def __init__(self, archive: Archive, settings: WorklistSettings) -> None:
        self._archive = archive
        self._settings = settings

    def contexts(self) -> Iterable[SupportedContext]:
        """Modality Worklist Information Model – FIND; identifiers travel uncompressed."""
        return [
            SupportedContext(
                abstract_syntax=str(ModalityWorklistInformationFind),
                transfer_syntaxes=UNCOMPRESSED,
            )
        ]

    def serve(self, request: Request) -> None:
        """Ask all sources, then answer each match until the last one or a C-CANCEL."""
        if not request.has_dataset:
            raise QueryError("C-FIND request without an identifier")
        syntax = request.context.transfer_syntax
        identifier = decode_identifier(request.read_dataset(), syntax)
        peer = request.association.peer
        query = WorklistQuery(
            identifier=identifier,
            calling_aet=peer.calling_aet,
            called_aet=peer.called_aet,
            most=self._settings.max_answers,
        )
        items = find_items(query, self._archive)
        unsupported = has_unsupported(identifier)
        pending = Status.PENDING_KEYS_NOT_SUPPORTED if unsupported else Status.PENDING
        sent, final = 0, Status.SUCCESS
        for item in items:
            if request.cancelled():
                final = Status.CANCEL
                break
            answer = answer_to(identifier, item)
            request.respond(pending, dataset=encode_identifier(answer, syntax))
            sent += 1
        if final is Status.SUCCESS and request.cancelled():
            final = Status.CANCEL
        request.respond(final)
        _log.info("worklist answered", matches=sent, status=final.name)


def find_items(query: WorklistQuery, archive: Archive) -> list[Dataset]:
    """Every step of every source that matches ``query``, earliest start first.

    Who is linked with the patient of one stands in its Other Patient IDs Sequence, where the query
    asks for that. Raises `PluginError` (C001H) when a source fails, and `QueryError` (A700H) for
    more matches than the query has use for: in both cases the list would not be whole.
    """
    with_links = asks_for_others(query)
    asked = without_others(query) if with_links else query
    try:
        sources = archive.hooks.decide(
            "worklist_items", accept=_data_sets, query=asked, archive=archive
        )
    except PluginError as error:
        raise PluginError(
            "a source of the worklist failed", status=Status.UNABLE_TO_PROCESS
        ) from error
    found: dict[object, Dataset] = {}
    items: Iterable[Dataset] = (
        item for _, datasets in sources for each in datasets for item in single_steps(each)
    )
    for item in with_others(items, archive.patients) if with_links else items:
        if query.matches(item):
            found.setdefault(_identity(item), item)
    if query.most and len(found) > query.most:
        raise QueryError(
            f"more than {query.most} steps match; narrow the query", status=Status.OUT_OF_RESOURCES
        )
    return sorted(found.values(), key=_start)


def _data_sets(answer: object) -> Sequence[Dataset]:
    if not isinstance(answer, Sequence) or not all(isinstance(each, Dataset) for each in answer):
        raise PluginError(
            f"worklist_items returned a {type(answer).__name__!r}, not a sequence of Dataset"
        )
    return answer


def _identity(item: Dataset) -> object:
    """What makes two items the same step; one without identifiers is like no other."""
    study = text_of(item, "StudyInstanceUID")
    step = text_of(step_of(item), "ScheduledProcedureStepID")
    return (study, step) if study and step else id(item)


def _start(item: Dataset) -> tuple[str, str]:
    step = step_of(item)
    return (
        text_of(step, "ScheduledProcedureStepStartDate"),
        text_of(step, "ScheduledProcedureStepStartTime"),
    )
