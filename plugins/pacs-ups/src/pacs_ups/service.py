"""The UPS SOP classes as SCP (PS3.4 CC.3): the state on the wire.

Every step is an instance of UPS Push, whichever of the SOP classes was negotiated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, ClassVar

import structlog
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    UnifiedProcedureStepPull,
    UnifiedProcedureStepQuery,
    UnifiedProcedureStepWatch,
)

from pacs_framework.dicom.charset import encode_identifier_charset
from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.errors import QueryError
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.network.normalized import NormalizedService, Operation, Outcome
from pacs_framework.network.service import CommandField, Request, SupportedContext
from pacs_ups.actions import ActionType, act
from pacs_ups.state.channels import Channels
from pacs_ups.state.model import Code, Result, StepError
from pacs_ups.state.outbox import Outbox
from pacs_ups.state.searching import answer_to, has_unsupported
from pacs_ups.state.steps import PUSH, Steps
from pacs_ups.state.subscribing import Subscriptions
from pacs_ups.tables import NAME
from pacs_ups.telling import Tellers

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_ups.settings import UpsSettings

__all__ = ["PullService", "PushService", "QueryService", "WatchService", "services"]

_LARGEST = 4 << 20
_HIDDEN = {
    tag_for_keyword(keyword) for keyword in ("TransactionUID", "SOPClassUID", "SOPInstanceUID")
}
_CHARACTER_SET = 0x00080005

_log = structlog.get_logger(__name__)


class _StepService(NormalizedService):
    """What the four SOP classes have in common; each has some of the operations."""

    sop_class: ClassVar[str]
    actions: ClassVar[frozenset[ActionType]] = frozenset()
    largest_dataset = _LARGEST

    def __init__(self, steps: Steps, subscriptions: Subscriptions, max_answers: int) -> None:
        self._steps = steps
        self._subscriptions = subscriptions
        self._most = max_answers

    def contexts(self) -> Iterable[SupportedContext]:
        """Its SOP class; data sets travel uncompressed."""
        return [SupportedContext(abstract_syntax=self.sop_class, transfer_syntaxes=UNCOMPRESSED)]

    def sop_classes(self, abstract_syntax: str) -> Collection[str]:
        """UPS Push (PS3.4 CC.3.1); some name the SOP class that they negotiated."""
        return (PUSH, abstract_syntax)

    def serve(self, request: Request) -> None:
        """Answer C-FIND, or else an operation on one step."""
        if request.field is CommandField.C_FIND:
            self._find(request)
        else:
            super().serve(request)

    def perform(self, operation: Operation) -> Outcome:
        """Carry an operation out. Raises `NormalizedFailure`."""
        try:
            if operation.command is CommandField.N_GET:
                return self._get(operation)
            result = self._change(operation)
        except StepError as error:
            raise NormalizedFailure(
                str(error), status=error.code, attributes=error.attributes
            ) from None
        _log.info(
            "step changed",
            operation=operation.command.name,
            sop_instance_uid=operation.sop_instance_uid,
            status=result.code.name,
        )
        return Outcome(status=result.code, attributes=result.attributes)

    def _change(self, operation: Operation) -> Result:
        uid = operation.sop_instance_uid
        match operation.command:
            case CommandField.N_CREATE:
                return self._steps.create(uid, operation.required_dataset())
            case CommandField.N_SET:
                return self._steps.modify(uid, operation.required_dataset())
            case _:
                return self._act(operation)

    def _act(self, operation: Operation) -> Result:
        if operation.type_id not in self.actions:
            raise NormalizedFailure(
                f"action type {operation.type_id} is none of this SOP class",
                status=Status.NO_SUCH_ACTION,
            )
        action = ActionType(operation.type_id)
        # All that a request to cancel can say is optional.
        optional = action is ActionType.REQUEST_CANCEL and operation.dataset is None
        return act(
            action,
            operation.sop_instance_uid,
            Dataset() if optional else operation.required_dataset(),
            operation.request.association.peer.calling_aet,
            self._steps,
            self._subscriptions,
        )

    def _get(self, operation: Operation) -> Outcome:
        dataset = self._steps.get(operation.sop_instance_uid).dataset
        wanted = operation.wanted or tuple(element.tag for element in dataset)
        answer = Dataset()
        for tag in wanted:
            if tag in dataset and tag not in _HIDDEN:
                answer[tag] = dataset[tag]
        lacking = tuple(
            tag for tag in operation.wanted if tag not in answer and tag != _CHARACTER_SET
        )
        status = Code.OPTIONAL_ATTRIBUTES_NOT_SUPPORTED if lacking else Code.SUCCESS
        return Outcome(status=status, dataset=encode_identifier_charset(answer), attributes=lacking)

    def _find(self, request: Request) -> None:
        """Answer each match until the last one or a C-CANCEL (PS3.4 CC.2.8.3)."""
        if not request.has_dataset:
            raise QueryError("C-FIND request without an identifier")
        syntax = request.context.transfer_syntax
        keys = decode_identifier(request.read_dataset(), syntax)
        pending = Status.PENDING_KEYS_NOT_SUPPORTED if has_unsupported(keys) else Status.PENDING
        sent = 0
        for step in self._steps.find(keys, self._most):
            if request.cancelled():
                break
            answer = encode_identifier_charset(
                answer_to(keys, step.dataset), keys.get("SpecificCharacterSet")
            )
            request.respond(pending, dataset=encode_identifier(answer, syntax))
            sent += 1
        final = Status.CANCEL if request.cancelled() else Status.SUCCESS
        request.respond(final)
        _log.info("steps searched", matches=sent, status=final.name)


class PushService(_StepService):
    """UPS Push: new steps. It also runs what tells subscribers, for all of them."""

    name: ClassVar[str] = "ups-push"
    commands: ClassVar[frozenset[CommandField]] = frozenset(
        {CommandField.N_CREATE, CommandField.N_ACTION, CommandField.N_GET}
    )
    sop_class = PUSH
    actions = frozenset({ActionType.REQUEST_CANCEL})

    def __init__(
        self, steps: Steps, subscriptions: Subscriptions, max_answers: int, tellers: Tellers
    ) -> None:
        super().__init__(steps, subscriptions, max_answers)
        self._tellers = tellers

    def start(self) -> None:
        """Tell subscribers, in threads."""
        self._tellers.start(self._steps, self._subscriptions)

    def stop(self) -> None:
        """End those threads."""
        self._tellers.stop()


class PullService(_StepService):
    """UPS Pull: steps found, claimed, and worked on."""

    name: ClassVar[str] = "ups-pull"
    commands: ClassVar[frozenset[CommandField]] = frozenset(
        {CommandField.C_FIND, CommandField.N_GET, CommandField.N_SET, CommandField.N_ACTION}
    )
    sop_class = str(UnifiedProcedureStepPull)
    actions = frozenset({ActionType.CHANGE_STATE})


class WatchService(_StepService):
    """UPS Watch: subscriptions."""

    name: ClassVar[str] = "ups-watch"
    commands: ClassVar[frozenset[CommandField]] = frozenset(
        {CommandField.N_ACTION, CommandField.N_GET, CommandField.C_FIND}
    )
    sop_class = str(UnifiedProcedureStepWatch)
    actions = frozenset(set(ActionType) - {ActionType.CHANGE_STATE})


class QueryService(_StepService):
    """UPS Query: a search, and no more."""

    name: ClassVar[str] = "ups-query"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.C_FIND})
    sop_class = str(UnifiedProcedureStepQuery)


def services(archive: Archive, settings: UpsSettings) -> list[_StepService]:
    """One for each SOP class, on one state."""
    store = archive.tables(NAME)
    tellers = Tellers(archive, Outbox(store), Channels(store), settings)
    steps = Steps(store, worklist_label=settings.worklist_label, ring=tellers.ring)
    subscriptions = Subscriptions(
        store,
        knows=lambda aet: archive.peers.by_aet(aet) is not None,
        reports=settings.event_reports,
        locks=settings.deletion_locks,
        ring=tellers.ring,
    )
    most = settings.max_answers
    return [
        PushService(steps, subscriptions, most, tellers),
        PullService(steps, subscriptions, most),
        WatchService(steps, subscriptions, most),
        QueryService(steps, subscriptions, most),
    ]
