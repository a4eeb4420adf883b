"""A printer that is spoken to by IPP over HTTP or HTTPS."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from enum import IntEnum
from itertools import count
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx

from pacs_print.outputs.contract import PRINTER_DOWN, OutputError, Progress
from pacs_print.outputs.ipp.message import (
    IppError,
    MimeType,
    Name,
    Operation,
    Reply,
    Uri,
    Value,
    request,
)

__all__ = ["IppPrinter"]

_PORT = 631
_BLOCK = 1 << 18

# RFC 8011 appendix B: what another attempt may change.
_BUSY = frozenset({0x0405, 0x0500, 0x0502, 0x0503, 0x0504, 0x0505, 0x0506, 0x0507})
_GONE = frozenset({0x0406, 0x0407})  # not found, gone
_NOT_POSSIBLE = 0x0404  # of a job that is over
_STOPPED = 5  # printer-state

# RFC 8011 5.3.8, 5.4.12 and PWG 5100.9 → Execution Status Info (PS3.3 C.13.9.1).
_HELP = {
    "media-empty": "SUPPLY EMPTY",
    "media-needed": "SUPPLY EMPTY",
    "media-jam": "FILM JAM",
    "cover-open": "COVER OPEN",
    "door-open": "COVER OPEN",
    "output-area-full": "RECEIVER FULL",
    "input-tray-missing": "NO SUPPLY MGZ",
    "output-tray-missing": "NO RECEIVE MGZ",
    "timed-out": PRINTER_DOWN,
    "shutdown": PRINTER_DOWN,
    "offline": PRINTER_DOWN,
}
_SEVERITY = re.compile("-(error|warning|report)$")


class JobState(IntEnum):
    """``job-state`` (RFC 8011 section 5.3.7), those that something is done about."""

    HELD = 4
    STOPPED = 6
    CANCELED = 7
    ABORTED = 8
    COMPLETED = 9


class IppPrinter:
    """One printer, by its ``ipp://`` or ``ipps://`` address; to be closed."""

    def __init__(self, uri: str, *, user: str, timeout: float, ca: Path | None) -> None:
        parts = urlsplit(uri)
        secure = parts.scheme == "ipps"
        port = parts.port or _PORT
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self._uri = uri
        self._url = f"http{'s' if secure else ''}://{host}:{port}{parts.path or '/'}"
        self._user = user
        self._numbers = count(1)
        trusted = ssl.create_default_context(cafile=ca)
        self._client = httpx.Client(timeout=timeout, verify=trusted, trust_env=False)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def check(self) -> Reply:
        """What the printer says of itself. Raises `OutputError` where it takes no jobs."""
        reply = self._ask(Operation.GET_PRINTER_ATTRIBUTES, {})
        if reply.attributes.get("printer-is-accepting-jobs") == [False]:
            reasons = ", ".join(reply.texts("printer-state-reasons"))
            raise OutputError(f"{self._uri} takes no jobs: {reasons}", info=PRINTER_DOWN)
        formats = reply.texts("document-format-supported")
        if formats and "application/pdf" not in formats:
            raise OutputError(f"{self._uri} does not print PDF", permanent=True)
        return reply

    def create_job(self, name: str, attributes: Mapping[str, Value]) -> int:
        """Begin a job; its number. Raises `OutputError`."""
        reply = self._ask(Operation.CREATE_JOB, {"job-name": Name(name)}, attributes)
        return reply.integer("job-id")

    def send_document(self, job: int, document: BinaryIO, name: str, *, last: bool) -> None:
        """Send a PDF from where ``document`` stands. Raises `OutputError`."""
        reply = self._ask(
            Operation.SEND_DOCUMENT,
            {
                "job-id": job,
                "document-name": Name(name),
                "document-format": MimeType("application/pdf"),
                "last-document": last,
            },
            document=document,
        )
        if reply.integer("job-state") in (JobState.ABORTED, JobState.CANCELED):
            reasons = ", ".join(reply.texts("job-state-reasons"))
            raise OutputError(f"{self._uri} gave up job {job}: {reasons}")

    def progress(self, job: int) -> Progress:
        """How far a job is. One that the printer knows no more is done.

        Raises `OutputError`, a permanent one where the job was canceled or given up.
        """
        reply = self._exchange(Operation.GET_JOB_ATTRIBUTES, {"job-id": job})
        if reply.status in _GONE:
            return Progress(done=True)
        self._check(Operation.GET_JOB_ATTRIBUTES, reply)
        state = reply.integer("job-state")
        reasons = [each for each in reply.texts("job-state-reasons") if each != "none"]
        why = "; ".join([*reasons, *reply.texts("job-printer-state-message")])
        match state:
            case JobState.COMPLETED:
                return Progress(done=True)
            case JobState.CANCELED:
                raise OutputError(
                    f"{self._uri}: job {job} was canceled: {why}", permanent=True, info="CANCELED"
                )
            case JobState.ABORTED:
                raise OutputError(f"{self._uri} gave up job {job}: {why}", permanent=True)
            case JobState.HELD:
                return Progress(done=False, info="HELD", reason=f"{self._uri} holds job {job}")
        return self._trouble(reasons, stopped=state == JobState.STOPPED)

    def _trouble(self, reasons: list[str], *, stopped: bool) -> Progress:
        """Why a job does not go on, by what the printer says of the job and of itself."""
        printer = self._ask(Operation.GET_PRINTER_ATTRIBUTES, {})
        of_printer = [each for each in printer.texts("printer-state-reasons") if each != "none"]
        if not stopped and printer.integer("printer-state") != _STOPPED:
            return Progress(done=False)
        known = (_HELP.get(_SEVERITY.sub("", each)) for each in (*reasons, *of_printer))
        why = ", ".join([*reasons, *of_printer]) or "no reason given"
        info = next((each for each in known if each), PRINTER_DOWN)
        return Progress(done=False, info=info, reason=f"{self._uri} is stopped: {why}")

    def cancel_job(self, job: int) -> None:
        """Take a job back; that it is over or gone is no error. Raises `OutputError`."""
        reply = self._exchange(Operation.CANCEL_JOB, {"job-id": job})
        if reply.status not in (*_GONE, _NOT_POSSIBLE):
            self._check(Operation.CANCEL_JOB, reply)

    def _ask(
        self,
        operation: Operation,
        attributes: Mapping[str, Value],
        job_attributes: Mapping[str, Value] | None = None,
        document: BinaryIO | None = None,
    ) -> Reply:
        """An answer that is a success. Raises `OutputError`."""
        reply = self._exchange(operation, attributes, job_attributes, document)
        self._check(operation, reply)
        return reply

    def _exchange(
        self,
        operation: Operation,
        attributes: Mapping[str, Value],
        job_attributes: Mapping[str, Value] | None = None,
        document: BinaryIO | None = None,
    ) -> Reply:
        target = {"printer-uri": Uri(self._uri), "requesting-user-name": Name(self._user)}
        # printer-uri and job-id come first (RFC 8011 section 4.1.5), the user behind them.
        first = {key: attributes[key] for key in ("job-id",) if key in attributes}
        named = {"printer-uri": target["printer-uri"], **first}
        named |= {"requesting-user-name": target["requesting-user-name"], **attributes}
        head = request(operation, next(self._numbers), named, job_attributes)
        try:
            answer = self._client.post(
                self._url,
                content=_body(head, document),
                headers={"Content-Type": "application/ipp"},
            )
            answer.raise_for_status()
            return Reply.read(answer.content)
        except (httpx.HTTPError, IppError, OSError) as error:
            raise OutputError(
                f"{self._uri}: {error or type(error).__name__}", info=PRINTER_DOWN
            ) from error

    def _check(self, operation: Operation, reply: Reply) -> None:
        if not reply.ok:
            why = ", ".join(reply.texts("status-message")) or "no reason given"
            raise OutputError(
                f"{self._uri} refused {operation.name} with {reply.status:#06x}: {why}",
                permanent=reply.status not in _BUSY,
            )


def _body(head: bytes, document: BinaryIO | None) -> Iterator[bytes]:
    yield head
    while document is not None and (block := document.read(_BLOCK)):
        yield block
