"""Send instances to a peer: as many associations as their presentation contexts need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pacs_framework.cli.peer import Call
from pacs_framework.dicom.status import is_failure, is_warning
from pacs_framework.errors import PacsError
from pacs_framework.network.association import Association
from pacs_framework.network.routes import Routes, encoded_for, proposals
from pacs_framework.network.scu import c_store
from pacs_store.files import FoundInstance

__all__ = ["Sent", "send"]


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
    for contexts in proposals({instance.kind for instance in instances}):
        classes = {context.abstract_syntax for context in contexts}
        waiting = iter([i for i in instances if i.kind.sop_class_uid in classes])
        try:
            with call.open(contexts) as association:
                yield from _send_on(association, waiting)
        except (OSError, PacsError) as error:
            for instance in waiting:
                yield Sent(instance=instance, status=None, reason=str(error))


def _send_on(association: Association, waiting: Iterator[FoundInstance]) -> Iterator[Sent]:
    """Send one after the other; raises what ended the association, the last instance yielded."""
    routes = Routes(association)
    for instance in waiting:
        try:
            sent = _send_one(association, routes, instance)
        except (OSError, PacsError) as error:
            yield Sent(instance=instance, status=None, reason=str(error))
            if not association.is_established:
                raise
        else:
            yield sent


def _send_one(association: Association, routes: Routes, instance: FoundInstance) -> Sent:
    context = routes.context_for(instance.kind)
    if context is None:
        reason = "the peer does not take this SOP class in this transfer syntax"
        return Sent(instance=instance, status=None, reason=reason)
    with instance.path.open("rb", buffering=0) as stream:
        stream.seek(instance.offset)
        response = c_store(
            association,
            context=context,
            sop_class_uid=instance.kind.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            data=encoded_for(context, instance.kind.transfer_syntax_uid, stream),
        )
    comment = str(response.command.get("ErrorComment", ""))
    return Sent(instance=instance, status=response.status, reason=comment)
