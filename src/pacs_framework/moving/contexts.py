"""Which presentation contexts a C-GET proposes for what is to come (PS3.4 C.4.3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pynetdicom.presentation import StoragePresentationContexts

from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.network.decisions import ProposedContext

if TYPE_CHECKING:
    from pacs_framework.network.router import Router

__all__ = ["for_get"]

_MOST = 127  # of 128, the first is that of the query
_MOST_SYNTAXES = 32  # of one context; DCMTK's programs end the connection over more than 50
_COMMON = tuple(str(context.abstract_syntax) for context in StoragePresentationContexts)


def for_get(
    sop_classes: Sequence[str], services: Router, *, first_id: int
) -> list[ProposedContext]:
    """A context for each SOP class and each transfer syntax that ``services`` take.

    One for each syntax, because a peer accepts one of a context: of all of them in one, it would
    have to decompress what it keeps in another. Where there are too many for one association, all
    syntaxes of a class share one. Without ``sop_classes`` those that are common.
    """
    taken = [
        (uid, syntaxes)
        for uid in dict.fromkeys(sop_classes or _COMMON)
        if (syntaxes := _taken(uid, services))
    ][:_MOST]
    pairs = [(uid, group) for uid, syntaxes in taken for group in _apart(syntaxes)]
    if len(pairs) > _MOST:
        pairs = [(uid, tuple(syntaxes[:_MOST_SYNTAXES])) for uid, syntaxes in taken]
    return [
        ProposedContext(
            context_id=first_id + 2 * number,
            abstract_syntax=uid,
            transfer_syntaxes=group,
            scu=False,
            scp=True,
        )
        for number, (uid, group) in enumerate(pairs)
    ]


def _taken(abstract_syntax: str, services: Router) -> list[str]:
    """What we take as SCP of C-STORE, uncompressed syntaxes first."""
    capability = services.capability(abstract_syntax)
    if capability is None:
        return []
    return sorted(capability.peer_as_scu, key=lambda uid: (uid not in UNCOMPRESSED, uid))


def _apart(syntaxes: Sequence[str]) -> list[tuple[str, ...]]:
    native = tuple(uid for uid in syntaxes if uid in UNCOMPRESSED)
    return [*([native] if native else []), *((uid,) for uid in syntaxes if uid not in UNCOMPRESSED)]
