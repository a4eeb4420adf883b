"""The contract of outputs: what a plugin implements that sends films somewhere.

An output is named by ``to`` in the ``outputs`` of a printer, and says with a model what else stands
there. For each job it begins a `Delivery`, which is given one sheet after the other: only one is in
memory at a time. A job that fails, or whose process dies, is delivered again as a whole, so what an
output makes is named by the job's UID, and a second time goes over the first.
"""

from __future__ import annotations

import datetime as dt
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_print.printers import PrinterSettings
    from pacs_print.sheet import Sheet

__all__ = [
    "PRINTER_DOWN",
    "UNKNOWN",
    "Delivery",
    "OutputError",
    "PrintJob",
    "PrintOutput",
    "Progress",
]

PRINTER_DOWN, UNKNOWN = "PRINTER DOWN", "UNKNOWN"
"""Terms for Execution Status Info: nobody is there, or none of the others."""

_UID = re.compile(r"[0-9.]{1,64}")

S = TypeVar("S", bound=BaseModel)


class OutputError(Exception):
    """Films could not be delivered.

    ``permanent`` says that another attempt cannot help. ``info`` is a term for Execution Status
    Info (2100,0030), see PS3.3 C.13.9.1.
    """

    def __init__(self, message: str, *, permanent: bool = False, info: str = UNKNOWN) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.info = info


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far somebody else is with what was handed over.

    ``info`` is a term for Execution Status Info (2100,0030): NORMAL, or why it does not go on
    until somebody helps, which ``reason`` says in words.
    """

    done: bool
    info: str = "NORMAL"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintJob:
    """What outputs are told of a job.

    ``label`` is Film Session Label (2000,0050), ``originator`` the AE title that asked for it.
    ``attributes`` are those of patient and study where they are known, for what goes back into an
    archive. ``created`` has a time zone.
    """

    uid: str
    printer: PrinterSettings
    created: dt.datetime
    copies: int = 1
    priority: str = "MED"
    label: str = ""
    originator: str = ""
    attributes: Dataset | None = None

    def __post_init__(self) -> None:
        if _UID.fullmatch(self.uid) is None:  # files are named by it
            raise ValueError(f"{self.uid!r} is no UID")


class Delivery(ABC):
    """One job on its way to one output. Leaving it without `finish` drops what can be dropped."""

    @abstractmethod
    def add(self, number: int, sheet: Sheet) -> None:
        """Take the next sheet; ``number`` counts from 1. Raises `OutputError` and OSError."""

    def finish(self) -> str | None:
        """All sheets were taken: durable, or in others' hands, when this returns.

        What it returns is kept, and `PrintOutput.follow` asks by it what became of them; nothing
        says that the job is done here. Raises `OutputError` and OSError.
        """

    def close(self) -> None:
        """Let go of what is held; called in any case, and once."""


class PrintOutput(ABC, Generic[S]):
    """A kind of place that films go to. One object serves all threads."""

    name: ClassVar[str]
    """What ``to`` has to say."""
    settings: type[S]
    """What else stands in the table; unknown keys are refused by it."""

    @abstractmethod
    def begin(self, job: PrintJob, settings: S) -> Delivery:
        """Begin to deliver a job. Raises `OutputError` and OSError."""

    def follow(self, handed: str, settings: S) -> Progress:  # noqa: ARG002 - for those who can
        """What became of what `Delivery.finish` returned ``handed`` for.

        Raises `OutputError`: a permanent one is the end of the job, after others it is asked again.
        """
        return Progress(done=True)

    def take_back(self, handed: str, settings: S) -> None:
        """The job was canceled, or has to be delivered again: do not print it.

        That it is over is no error. Raises `OutputError`.
        """
