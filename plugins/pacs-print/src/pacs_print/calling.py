"""Which printer is called: the AE title says, before anything is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.network.decisions import Narrowing
from pacs_print.services.classes import COLOUR_META, SERVED

if TYPE_CHECKING:
    from pacs_framework.network.decisions import AssociationRequest
    from pacs_print.settings import PrintSettings

__all__ = ["narrowed"]


def narrowed(request: AssociationRequest, settings: PrintSettings) -> Narrowing | None:
    """Without contexts of print where no printer is called, of colour where it has none."""
    asked = {context.context_id: context.abstract_syntax for context in request.contexts}
    if not asked.keys() or not set(asked.values()) & set(SERVED):
        return None
    printer = settings.printer(request.called_aet)
    if printer is None:
        refused = set(SERVED)
        note = f"no printer is called {request.called_aet!r}"
    elif not printer.colour:
        refused, note = {COLOUR_META}, "the printer has no colours"
    else:
        return None
    kept = frozenset(number for number, uid in asked.items() if uid not in refused)
    return None if len(kept) == len(asked) else Narrowing(context_ids=kept, note=note)
