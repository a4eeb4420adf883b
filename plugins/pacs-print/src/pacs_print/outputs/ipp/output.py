"""The output ``ipp``: films as PDF to a queue of CUPS or to a printer of the network."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from pacs_framework.config.types import Seconds, Section
from pacs_print.outputs.contract import (
    Delivery,
    OutputError,
    PrintJob,
    PrintOutput,
    Progress,
)
from pacs_print.outputs.ipp.client import IppPrinter
from pacs_print.outputs.ipp.message import Keyword, Value
from pacs_print.outputs.page import write_pdf
from pacs_print.sheet import Sheet

__all__ = ["IppOutput", "IppSettings"]

_PRIORITY = {"HIGH": 80, "MED": 50, "LOW": 20}


class IppSettings(Section):
    """``{to = "ipp", printer = "ipp://localhost/printers/laser"}``."""

    printer: str = Field(description="Its address, ipp:// or ipps://.")
    user: str = Field(default="pacs", min_length=1, description="In whose name it is printed.")
    ca: Path | None = Field(
        default=None, description="PEM file of who signed its certificate; else the system's."
    )
    timeout: Seconds = Field(default=60.0, description="Seconds that it has for each answer.")
    scaling: Literal["none", "fit", "auto"] = Field(
        default="none", description="print-scaling: what a film does that is not as the paper."
    )
    media: str = Field(
        default="", description="Its name of the medium; empty gives it the size of the film."
    )
    follow: bool = Field(
        default=True,
        description="A job is done when it is printed; false: when the queue has taken it.",
    )

    @field_validator("printer")
    @classmethod
    def _is_ipp(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("ipp", "ipps") or not parts.hostname:
            raise ValueError("needs an address like ipp://host/printers/name")
        return value


class IppOutput(PrintOutput[IppSettings]):
    """Sends a job as one job of IPP, with a document for each film.

    When the printer, or the queue in front of it, has taken all of it over, it is asked from time
    to time what became of it. After a crash between that and our own note of it, the job is printed
    again: better twice than never.
    """

    name = "ipp"
    settings = IppSettings

    def begin(self, job: PrintJob, settings: IppSettings) -> Delivery:
        """See `PrintOutput`."""
        return _IppDelivery(job, settings)

    def follow(self, handed: str, settings: IppSettings) -> Progress:
        """See `PrintOutput`; ``handed`` are the numbers of jobs."""
        with closing(_printer(settings)) as printer:
            all_of_them = [printer.progress(int(number)) for number in handed.split()]
        not_done = [each for each in all_of_them if not each.done]
        return next(iter(not_done), Progress(done=True))

    def take_back(self, handed: str, settings: IppSettings) -> None:
        """See `PrintOutput`."""
        with closing(_printer(settings)) as printer:
            for number in handed.split():
                printer.cancel_job(int(number))


def _printer(settings: IppSettings) -> IppPrinter:
    return IppPrinter(
        settings.printer, user=settings.user, timeout=settings.timeout, ca=settings.ca
    )


class _IppDelivery(Delivery):
    """Documents wait in files without a name until all are there: a printer gets all or nothing."""

    def __init__(self, job: PrintJob, settings: IppSettings) -> None:
        self._job = job
        self._settings = settings
        self._size = (0.0, 0.0)
        self._documents: list[BinaryIO] = []
        self._stack = ExitStack()

    def add(self, number: int, sheet: Sheet) -> None:
        self._size = sheet.size
        document = tempfile.TemporaryFile()  # noqa: SIM115 - until the job is closed
        self._stack.callback(document.close)
        write_pdf(sheet, document, title=f"{self._name()} {number}")
        self._documents.append(document)

    def finish(self) -> str | None:
        printer = _printer(self._settings)
        self._stack.callback(printer.close)
        several = printer.check().attributes.get("multiple-document-jobs-supported") != [False]
        numbers: list[int] = []
        try:
            for documents, copies in self._parts(several=several):
                numbers.append(self._send(printer, documents, copies=copies))
        except BaseException:
            _cancel(printer, numbers)
            raise
        return " ".join(map(str, numbers)) if self._settings.follow else None

    def _parts(self, *, several: bool) -> list[tuple[list[BinaryIO], int]]:
        """The jobs that a printer gets, and the copies of each.

        A single film is copied by the device. Several are sent in order, as often as there are
        copies: a queue would make all copies of the first film before it comes to the second.
        """
        if len(self._documents) == 1:
            return [(self._documents, self._job.copies)]
        collated = self._documents * self._job.copies
        return [(collated, 1)] if several else [([document], 1) for document in collated]

    def close(self) -> None:
        self._stack.close()

    def _send(self, printer: IppPrinter, documents: list[BinaryIO], *, copies: int) -> int:
        number = printer.create_job(self._name(), self._attributes(copies))
        try:
            for place, document in enumerate(documents, 1):
                document.seek(0)
                printer.send_document(
                    number, document, f"film {place}", last=place == len(documents)
                )
        except BaseException:
            _cancel(printer, [number])
            raise
        return number

    def _name(self) -> str:
        """Without a name of a patient: queues show it to everybody."""
        return f"{self._job.printer.ae_title} {self._job.uid}"

    def _attributes(self, copies: int) -> dict[str, Value]:
        attributes: dict[str, Value] = {
            "copies": copies,
            "job-priority": _PRIORITY.get(self._job.priority, _PRIORITY["MED"]),
            "print-scaling": Keyword(self._settings.scaling),
        }
        if self._settings.media:
            return attributes | {"media": Keyword(self._settings.media)}
        width, height = (round(mm * 100) for mm in sorted(self._size))
        size: dict[str, Value] = {"x-dimension": width, "y-dimension": height}
        return attributes | {"media-col": {"media-size": size}}


def _cancel(printer: IppPrinter, numbers: list[int]) -> None:
    """Jobs of something that did not become whole; why it did not says more than this could."""
    for number in numbers:
        with suppress(OutputError):
            printer.cancel_job(number)
