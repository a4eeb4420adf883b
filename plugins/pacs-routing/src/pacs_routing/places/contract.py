"""What a destination is to those who send: opened, it takes one instance after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from pacs_framework.dicom.file_meta import InstanceKind
    from pacs_routing.parcels import Parcel
    from pacs_routing.settings import Priority

__all__ = ["Away", "Broken", "Carrier", "NotTaken", "Place", "Taken"]


class Away(PacsError):
    """The destination takes nothing now: it cannot be reached, or has no room."""


class NotTaken(PacsError):
    """It does not take this instance; ``final``: nor will it ever, as it stands."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class Broken(NotTaken):
    """The way broke while this instance was on it, perhaps because of it. Others may be tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The destination has it. ``remark``: what it had to say besides."""

    sop_instance_uid: str
    remark: str = ""


class Carrier(ABC):
    """A destination that is open."""

    @abstractmethod
    def carry(self, parcel: Parcel, priority: Priority, meanwhile: Callable[[], object]) -> Taken:
        """Send an instance; ``meanwhile`` is called while the other side is busy with it.

        Raises `NotTaken`, `Away`, and what reading it raises.
        """

    def look_again(self, parcel: Parcel) -> None:
        """After `Broken`: raise `Away` where the destination is gone, and not the way alone.

        Then what was on its way is not to blame.
        """
        del parcel


class Place(ABC):
    """A destination. Threads may share it."""

    aet: str
    """Whom plugins are told that gets it (see `pacs_framework.archive.outgoing.Recipient`)."""

    @abstractmethod
    def open(self, kinds: Collection[InstanceKind]) -> AbstractContextManager[Carrier]:
        """Made ready for instances of these kinds. Raises `Away`, here or when one is carried."""

    @abstractmethod
    def check(self) -> str:
        """See whether it is there; a few words for who asked. Raises `Away`."""

    @abstractmethod
    def where(self) -> str:
        """Where it is, for tables and logs."""
