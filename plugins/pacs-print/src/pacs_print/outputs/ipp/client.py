"""A printer that is spoken to by IPP over HTTP or HTTPS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx

from pacs_print.outputs.contract import PRINTER_DOWN, OutputError
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
_ABORTED, _CANCELED = 8, 7  # job-state


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
        if reply.integer("job-state") in (_ABORTED, _CANCELED):
            reasons = ", ".join(reply.texts("job-state-reasons"))
            raise OutputError(f"{self._uri} gave up job {job}: {reasons}")

    def cancel_job(self, job: int) -> None:
        """Take back a job that did not become whole; that it is gone already is no error."""
        with suppress(OutputError):
            self._ask(Operation.CANCEL_JOB, {"job-id": job})

    def _ask(
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
            reply = Reply.read(answer.content)
        except (httpx.HTTPError, IppError, OSError) as error:
            raise OutputError(
                f"{self._uri}: {error or type(error).__name__}", info=PRINTER_DOWN
            ) from error
        if not reply.ok:
            why = ", ".join(reply.texts("status-message")) or "no reason given"
            raise OutputError(
                f"{self._uri} refused {operation.name} with {reply.status:#06x}: {why}",
                permanent=reply.status not in _BUSY,
            )
        return reply


def _body(head: bytes, document: BinaryIO | None) -> Iterator[bytes]:
    yield head
    while document is not None and (block := document.read(_BLOCK)):
        yield block
