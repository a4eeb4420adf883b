"""Steps of a peer, by the same words as those of the archive: UPS Push and Pull as SCU."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from pydicom import Dataset
from pynetdicom.sop_class import UnifiedProcedureStepPull  # type: ignore[attr-defined]

from pacs_framework.dicom.charset import encode_identifier_charset
from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.packed import deep_copy
from pacs_framework.dicom.status import is_failure, is_pending
from pacs_framework.errors import PacsError
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.scu import c_find, n_action, n_create, n_get, n_set
from pacs_ups.actions import ActionType
from pacs_ups.reporting import SYNTAXES
from pacs_ups.state.model import Code, Result, State, StepError
from pacs_ups.state.steps import PUSH

if TYPE_CHECKING:
    from pacs_framework.cli.peer import Call
    from pacs_framework.network.association import Response
    from pacs_framework.network.service import AcceptedContext

__all__ = ["Peer", "Place", "StepAt"]

_PULL = str(UnifiedProcedureStepPull)


class StepAt(Protocol):
    """A step, wherever it is."""

    @property
    def uid(self) -> str:
        """Its SOP Instance UID."""

    @property
    def state(self) -> State:
        """Its Procedure Step State."""

    @property
    def dataset(self) -> Dataset:
        """What was asked for of it, or all."""


class Place(Protocol):
    """Where steps are; operations raise `StepError`."""

    def get(self, uid: str) -> StepAt:
        """One step."""

    def find(self, keys: Dataset, most: int = 0) -> Sequence[StepAt]:
        """The steps that match."""

    def create(self, uid: str, dataset: Dataset) -> Result:
        """Schedule a step."""

    def modify(self, uid: str, modifications: Dataset) -> Result:
        """Set attributes of a step."""

    def change_state(
        self, uid: str, wanted: str, transaction_uid: str, *, ours: bool = False
    ) -> Result:
        """Claim, complete, or cancel a step."""

    def request_cancel(self, uid: str, requesting_aet: str, reasons: Dataset) -> Result:
        """Have a step canceled."""


class _Remote:
    """A step as a peer described it."""

    def __init__(self, uid: str, dataset: Dataset) -> None:
        self.uid = uid
        self.dataset = dataset
        state = str(dataset.get("ProcedureStepState", ""))
        if not uid or state not in set(State):
            raise PacsError("the peer told of a step without its UID or state")
        self.state = State(state)


class Peer:
    """The steps of a peer, on one association; a context manager."""

    def __init__(self, call: Call) -> None:
        self._association = call.open(
            [
                ProposedContext(context_id=number, abstract_syntax=uid, transfer_syntaxes=SYNTAXES)
                for number, uid in ((1, PUSH), (3, _PULL))
            ]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._association.__exit__(exc_type, exc, traceback)

    def get(self, uid: str) -> _Remote:
        """N-GET of all attributes."""
        context = self._context(_PULL)
        response = n_get(
            self._association, context=context, sop_instance_uid=uid, sop_class_uid=PUSH
        )
        _result(response)
        return _Remote(uid, decode_identifier(response.dataset or b"", context.transfer_syntax))

    def find(self, keys: Dataset, most: int = 0) -> list[_Remote]:
        """C-FIND; at most ``most``, where that is not 0."""
        context = self._context(_PULL)
        wanted = deep_copy(keys)
        for keyword in ("SOPInstanceUID", "ProcedureStepState"):
            if keyword not in wanted:
                setattr(wanted, keyword, "")
        found: list[_Remote] = []
        encoded = self._encoded(wanted, context)
        responses = c_find(self._association, context=context, identifier=encoded)
        for response in responses:
            if not is_pending(response.status):
                _result(response)
            elif most and len(found) >= most:
                break
            else:
                answer = decode_identifier(response.dataset or b"", context.transfer_syntax)
                found.append(_Remote(str(answer.get("SOPInstanceUID", "")), answer))
        responses.close()
        return found

    def create(self, uid: str, dataset: Dataset) -> Result:
        """N-CREATE."""
        context = self._context(PUSH)
        return _result(
            n_create(
                self._association,
                context=context,
                sop_instance_uid=uid,
                attributes=self._encoded(dataset, context),
            )
        )

    def modify(self, uid: str, modifications: Dataset) -> Result:
        """N-SET."""
        context = self._context(_PULL)
        return _result(
            n_set(
                self._association,
                context=context,
                sop_instance_uid=uid,
                modifications=self._encoded(modifications, context),
                sop_class_uid=PUSH,
            )
        )

    def change_state(
        self, uid: str, wanted: str, transaction_uid: str, *, ours: bool = False
    ) -> Result:
        """N-ACTION; who performs it is for the peer to know."""
        del ours
        information = Dataset()
        information.ProcedureStepState = str(wanted)
        information.TransactionUID = transaction_uid
        return self._act(_PULL, uid, ActionType.CHANGE_STATE, information)

    def request_cancel(self, uid: str, requesting_aet: str, reasons: Dataset) -> Result:
        """N-ACTION; the peer takes our AE title from the association."""
        del requesting_aet
        return self._act(PUSH, uid, ActionType.REQUEST_CANCEL, reasons)

    def _act(self, sop_class: str, uid: str, action: ActionType, information: Dataset) -> Result:
        context = self._context(sop_class)
        return _result(
            n_action(
                self._association,
                context=context,
                sop_instance_uid=uid,
                action_type=action,
                information=self._encoded(information, context) if information else None,
                sop_class_uid=PUSH,
            )
        )

    def _context(self, sop_class: str) -> AcceptedContext:
        found = self._association.context_for(sop_class)
        if found is None:
            name = "Push" if sop_class == PUSH else "Pull"
            raise PacsError(f"the peer does not accept the UPS {name} SOP Class")
        return found

    @staticmethod
    def _encoded(dataset: Dataset, context: AcceptedContext) -> bytes:
        whole = encode_identifier_charset(deep_copy(dataset))
        return encode_identifier(whole, context.transfer_syntax)


def _result(response: Response) -> Result:
    """Raises `StepError`, or `PacsError` for a status that is none of the service class."""
    status = response.status
    if not is_failure(status):
        return Result(code=Code(status) if status in set(Code) else Code.SUCCESS)
    comment = response.command.get("ErrorComment") or "no comment"
    message = f"the peer answered {status:04X}H ({comment})"
    if status in set(Code):
        raise StepError(Code(status), message)
    raise PacsError(message)
