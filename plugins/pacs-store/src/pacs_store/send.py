"""Send instances to a peer: as many associations as their presentation contexts need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pacs_framework.cli.peer import Call
from pacs_framework.dicom.status import is_failure, is_warning
from pacs_framework.errors import PacsError
from pacs_framework.network.association import Association
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.scu import c_store
from pacs_store.files import FoundInstance

__all__ = ["Sent", "send"]

# A presentation context id is an odd number below 256 (PS3.8 9.3.2.2).
_MOST_CONTEXTS = 128

_Kind = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one instance; ``status`` is None when no response came."""

    instance: FoundInstance
    status: int | None
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether the peer does not have the instance, as far as we know."""
        return self.status is None or is_failure(self.status)

    @property
    def warned(self) -> bool:
        """Whether the peer has it, with a remark."""
        return self.status is not None and is_warning(self.status)


def send(call: Call, instances: Sequence[FoundInstance]) -> Iterator[Sent]:
    """Send all; each instance is yielded once, also when an association fails under it."""
    for kinds in _in_associations(instances):
        batch = [i for i in instances if _kind(i) in kinds]
        yield from _send_batch(call, kinds, batch)


def _kind(instance: FoundInstance) -> _Kind:
    return instance.sop_class_uid, instance.transfer_syntax_uid


def _in_associations(instances: Iterable[FoundInstance]) -> Iterator[list[_Kind]]:
    kinds = sorted({_kind(instance) for instance in instances})
    for start in range(0, len(kinds), _MOST_CONTEXTS):
        yield kinds[start : start + _MOST_CONTEXTS]


def _send_batch(
    call: Call, kinds: Sequence[_Kind], batch: Sequence[FoundInstance]
) -> Iterator[Sent]:
    waiting = iter(batch)
    try:
        with call.open(_contexts(kinds)) as association:
            for instance in waiting:
                try:
                    yield _send_one(association, instance)
                except (OSError, PacsError) as error:
                    yield Sent(instance=instance, status=None, reason=str(error))
                    raise
    except (OSError, PacsError) as error:
        for instance in waiting:
            yield Sent(instance=instance, status=None, reason=str(error))


def _contexts(kinds: Sequence[_Kind]) -> list[ProposedContext]:
    return [
        ProposedContext(
            context_id=2 * number + 1, abstract_syntax=sop_class, transfer_syntaxes=(syntax,)
        )
        for number, (sop_class, syntax) in enumerate(kinds)
    ]


def _send_one(association: Association, instance: FoundInstance) -> Sent:
    context = association.context_for(instance.sop_class_uid, instance.transfer_syntax_uid)
    if context is None:
        reason = "the peer does not take this SOP class in this transfer syntax"
        return Sent(instance=instance, status=None, reason=reason)
    with instance.path.open("rb", buffering=0) as stream:
        stream.seek(instance.offset)
        response = c_store(
            association,
            context=context,
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            data=stream,
        )
    comment = str(response.command.get("ErrorComment", ""))
    return Sent(instance=instance, status=response.status, reason=comment)
