"""The output ``ipp``: films as PDF to a queue of CUPS or to a printer of the network."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from pacs_framework.config.types import Seconds, Section
from pacs_print.outputs.contract import Delivery, PrintJob, PrintOutput
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

    @field_validator("printer")
    @classmethod
    def _is_ipp(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("ipp", "ipps") or not parts.hostname:
            raise ValueError("needs an address like ipp://host/printers/name")
        return value


class IppOutput(PrintOutput[IppSettings]):
    """Sends a job as one job of IPP, with a document for each film.

    It is delivered when the printer, or the queue in front of it, has taken all of it over. After a
    crash between that and our own note of it, the job is printed again: better twice than never.
    """

    name = "ipp"
    settings = IppSettings

    def begin(self, job: PrintJob, settings: IppSettings) -> Delivery:
        """See `PrintOutput`."""
        return _IppDelivery(job, settings)


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

    def finish(self) -> None:
        settings = self._settings
        printer = IppPrinter(
            settings.printer, user=settings.user, timeout=settings.timeout, ca=settings.ca
        )
        self._stack.callback(printer.close)
        several = printer.check().attributes.get("multiple-document-jobs-supported") != [False]
        if several and len(self._documents) > 1:
            # In order, as often as there are copies: a queue would make all copies of the first
            # film before it comes to the second.
            self._send(printer, self._documents * self._job.copies, copies=1)
            return
        for document in self._documents:
            self._send(printer, [document], copies=self._job.copies)

    def close(self) -> None:
        self._stack.close()

    def _send(self, printer: IppPrinter, documents: list[BinaryIO], *, copies: int) -> None:
        number = printer.create_job(self._name(), self._attributes(copies))
        try:
            for place, document in enumerate(documents, 1):
                document.seek(0)
                printer.send_document(
                    number, document, f"film {place}", last=place == len(documents)
                )
        except BaseException:
            printer.cancel_job(number)
            raise

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
