"""DECIDE hooks: plugins judge in order, the first refusal ends it, a failure is a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog
from pydicom import Dataset

from pacs_framework.archive.incoming import Coercion, Compression, Refusal, StoreAnswer
from pacs_framework.dicom.status import Status
from pacs_framework.errors import PluginError
from pacs_framework.network.decisions import (
    AssociationRequest,
    Narrowing,
    Rejection,
    RejectReason,
    RejectResult,
)
from pacs_framework.plugins.budget import GivenUp
from pacs_framework.plugins.coerced import coerced_instance
from pacs_framework.plugins.dispatch import count_failure, is_ctrl_c, log_unasked

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.incoming import IncomingInstance
    from pacs_framework.archive.outgoing import OutgoingInstance, RetrieveAnswer
    from pacs_framework.plugins.budget import Watch
    from pacs_framework.plugins.dispatch import HookCall

__all__ = [
    "MOST_NESTED",
    "judge_association",
    "judge_instance",
    "judge_outgoing",
    "refuse_after",
    "refuse_nested",
    "reject_after",
]

log = structlog.get_logger(__name__)

_Instance = TypeVar("_Instance", "IncomingInstance", "OutgoingInstance")

MOST_NESTED = 4
"""How deep a hook that stores may end up in ``on_store`` again."""

# Go to the peer as Error Comment: which plugin it was is for the log of this side only.
_FAILED = Refusal(reason="a plugin failed on this instance", status=Status.PROCESSING_FAILURE)
_OUT_OF_SERVICE = Refusal(
    reason="a plugin that must be asked is out of service", status=Status.PROCESSING_FAILURE
)
_NESTED = Refusal(
    reason=f"stored by on_store from within on_store, {MOST_NESTED} deep",
    status=Status.PROCESSING_FAILURE,
)
_ABANDONED = Refusal(
    reason="stored by a hook that ran over its time", status=Status.PROCESSING_FAILURE
)


def judge_instance(
    calls: Sequence[HookCall], instance: _Instance, archive: Archive | None, watch: Watch
) -> StoreAnswer:
    """Ask the plugins about an instance (``on_store``); each sees what those before it changed.

    Returns the first refusal, or what they change together: the data set after all coercions with
    their reasons, the last compression with that as its coercion; or None. ``watch`` is told whose
    turn it is. Raises `GivenUp` where nobody waits for the answer any more.
    """
    changes: _Changes[_Instance] = _Changes(instance)
    last = calls[-1]
    for call in calls:
        if not call.circuit.admits():
            if call.circuit.optional:
                continue
            log_unasked(call, sop_instance_uid=changes.instance.sop_instance_uid)
            return _OUT_OF_SERVICE
        try:
            watch.begin(call)
            try:
                answer = _instance_answer(call, changes.instance, archive)
                if answer is not None:
                    changes.take(answer, seen=call is not last)
            finally:
                watch.end()
        except GivenUp:
            raise
        except BaseException as error:
            if is_ctrl_c(error):
                raise
            return refuse_after(call, error, changes.instance)
        call.succeeded()
        if isinstance(answer, Refusal):
            _log_refusal(call, answer, changes.instance)
            return answer
    return changes.answer()


def judge_outgoing(
    calls: Sequence[HookCall], instance: OutgoingInstance, archive: Archive | None, watch: Watch
) -> RetrieveAnswer:
    """The same about an instance that is to be sent (``on_retrieve``); no answer compresses."""
    answer = judge_instance(calls, instance, archive, watch)
    assert not isinstance(answer, Compression)
    return answer


class _Changes(Generic[_Instance]):
    """What the plugins change of an instance, one after the other."""

    __slots__ = ("_coercion", "_compression", "instance")

    def __init__(self, instance: _Instance) -> None:
        self.instance: _Instance = instance  # as the next plugin sees it
        self._coercion: Coercion | None = None
        self._compression: Compression | None = None

    def take(self, answer: StoreAnswer, *, seen: bool) -> None:
        """Add ``answer``; ``seen`` tells whether another plugin is to see it."""
        if isinstance(answer, Compression):
            self._compression = answer
            answer = answer.coercion
        if isinstance(answer, Coercion):
            self._coercion = _after(self._coercion, answer)
            if seen:
                self.instance = coerced_instance(self.instance, answer.dataset)

    def answer(self) -> Coercion | Compression | None:
        """All of it as one."""
        if self._compression is None:
            return self._coercion
        return replace(self._compression, coercion=self._coercion)


def refuse_after(
    call: HookCall, error: BaseException, instance: IncomingInstance | OutgoingInstance
) -> Refusal:
    """The answer about an instance that a plugin failed on; counts and logs it."""
    count_failure(call, error, sop_instance_uid=instance.sop_instance_uid)
    return _FAILED


def refuse_nested(watch: Watch, instance: IncomingInstance) -> Refusal | None:
    """The answer about an instance that a hook stores in its own turn, where that is too much.

    A hook that stores ends up in ``on_store`` again, and must know its own instances; one that was
    given up on must not change the archive behind the back of those who were told that it failed.
    """
    if watch.abandoned:
        refusal = _ABANDONED
    elif watch.depth > MOST_NESTED:
        refusal = _NESTED
    else:
        return None
    log.error(
        "a hook may not store this",
        reason=refusal.reason,
        sop_instance_uid=instance.sop_instance_uid,
    )
    return refusal


def _instance_answer(
    call: HookCall, instance: IncomingInstance | OutgoingInstance, archive: Archive | None
) -> StoreAnswer:
    answer = call(instance=instance, archive=archive)
    if answer is None or isinstance(answer, Refusal):
        return answer
    coercion = answer
    if isinstance(answer, Compression) and call.hook == "on_store":
        _log_change("plugin has instance compressed", call, answer.reason, instance)
        coercion = answer.coercion
        if coercion is None:
            return answer
    if isinstance(coercion, Coercion) and isinstance(coercion.dataset, Dataset):
        _log_change("plugin coerced instance", call, coercion.reason, instance)
        whole: Coercion | Compression = answer
        return whole
    raise PluginError(f"{call.hook} returned a {type(answer).__name__!r}")


def _log_change(
    event: str, call: HookCall, reason: str, instance: IncomingInstance | OutgoingInstance
) -> None:
    log.info(
        event,
        plugin=call.plugin.name,
        reason=reason,
        sop_instance_uid=instance.sop_instance_uid,
    )


def _after(earlier: Coercion | None, answer: Coercion) -> Coercion:
    reasons = [each.reason for each in (earlier, answer) if each is not None and each.reason]
    anonymous = answer.anonymous or (earlier is not None and earlier.anonymous)
    pixels = earlier.pixels if earlier is not None else None
    if pixels is not None and answer.pixels is not None:
        raise PluginError("two plugins want the pixels changed; have one anonymizer do it all")
    return Coercion(
        dataset=answer.dataset,
        reason="; ".join(reasons),
        anonymous=anonymous,
        pixels=answer.pixels or pixels,
        rescue=answer.rescue or (earlier.rescue if earlier is not None else None),
    )


def _log_refusal(
    call: HookCall, refusal: Refusal, instance: IncomingInstance | OutgoingInstance
) -> None:
    log.info(
        "plugin refused instance",
        plugin=call.plugin.name,
        reason=refusal.reason,
        status=f"{refusal.status:04X}H",
        sop_instance_uid=instance.sop_instance_uid,
    )


def judge_association(
    calls: Sequence[HookCall], request: AssociationRequest, watch: Watch
) -> Rejection | Narrowing | None:
    """Ask the plugins about an association (``on_association``, PS3.8 section 9.3).

    Returns the first rejection, or the intersection of all narrowings with what was proposed, or
    None. ``watch`` is told whose turn it is. Raises `GivenUp` where nobody waits for the answer.
    """
    kept: frozenset[int] | None = None
    notes: list[str] = []
    for call in calls:
        if not call.circuit.admits():
            if call.circuit.optional:
                continue
            log_unasked(call, calling_aet=request.calling_aet)
            return _congestion(call)
        try:
            watch.begin(call)
            try:
                answer = _association_answer(call, request)
            finally:
                watch.end()
        except GivenUp:
            raise
        except BaseException as error:
            if is_ctrl_c(error):
                raise
            return reject_after(call, error, request)
        call.succeeded()
        if isinstance(answer, Rejection):
            _log_rejection(call, answer, request)
            return answer
        if isinstance(answer, Narrowing):
            kept = answer.context_ids if kept is None else kept & answer.context_ids
            notes.append(f"{call.plugin.name}: {answer.note}" if answer.note else call.plugin.name)
    if kept is None:
        return None
    proposed = frozenset(context.context_id for context in request.contexts)
    return Narrowing(context_ids=kept & proposed, note="; ".join(notes))


def reject_after(call: HookCall, error: BaseException, request: AssociationRequest) -> Rejection:
    """The answer about an association that a plugin failed on; counts and logs it."""
    count_failure(call, error, calling_aet=request.calling_aet)
    return _congestion(call)


def _association_answer(
    call: HookCall, request: AssociationRequest
) -> Rejection | Narrowing | None:
    answer = call(request=request)
    if answer is None or isinstance(answer, Rejection):
        return answer
    if isinstance(answer, Narrowing):
        return Narrowing(context_ids=frozenset(answer.context_ids), note=answer.note)
    raise PluginError(f"{call.hook} returned a {type(answer).__name__!r}")


def _congestion(call: HookCall) -> Rejection:
    return Rejection(
        reason=RejectReason.TEMPORARY_CONGESTION,
        result=RejectResult.TRANSIENT,
        note=f"plugin {call.plugin.name!r} failed",
    )


def _log_rejection(call: HookCall, rejection: Rejection, request: AssociationRequest) -> None:
    log.info(
        "plugin rejected association",
        plugin=call.plugin.name,
        reason=rejection.reason.name,
        result=rejection.result.name,
        note=rejection.note,
        calling_aet=request.calling_aet,
        called_aet=request.called_aet,
        address=request.address,
    )
