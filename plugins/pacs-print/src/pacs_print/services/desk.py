"""What the operations of one association work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_print.services.classes import PRINT_JOB

if TYPE_CHECKING:
    from pacs_framework.network.normalized import Operation
    from pacs_print.printers import PrinterSettings
    from pacs_print.queue.book import Book
    from pacs_print.queue.watching import Watch
    from pacs_print.services.tree import Tree

__all__ = ["Desk", "reference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A request that is being worked on, and where it is worked on.

    ``tree`` has the objects of the association, ``book`` the jobs of the archive, ``watch`` tells
    the association what becomes of its jobs.
    """

    operation: Operation
    tree: Tree
    book: Book
    watch: Watch

    @property
    def printer(self) -> PrinterSettings:
        """The printer that was called."""
        return self.tree.printer

    @property
    def knows_jobs(self) -> bool:
        """Whether the peer negotiated the Print Job SOP Class."""
        contexts = self.operation.request.association.contexts.values()
        return any(context.abstract_syntax == PRINT_JOB for context in contexts)


def reference(sop_class: str, uid: str) -> Dataset:
    """An item that names an instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = uid
    return item
