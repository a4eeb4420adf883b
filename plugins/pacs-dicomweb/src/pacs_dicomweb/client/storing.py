"""Instances sent to another server (STOW-RS, PS3.18 10.5)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_dicomweb.client.searching import JSON
from pacs_dicomweb.client.server import ServerError, checked, reaching
from pacs_dicomweb.model.reading import dataset_of, parse_json
from pacs_framework.errors import UnreadableInstance

if TYPE_CHECKING:
    import httpx

__all__ = ["Sending", "Told", "store"]

_HAS_RESULTS = frozenset({200, 202, 409, 503, 507})


@dataclass(frozen=True, slots=True)
class Sending:
    """One DICOM file: ``pieces`` gives its bytes anew at each call."""

    sop_instance_uid: str
    pieces: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Told:
    """What the server says of one instance: stored, perhaps with a remark, or why it is not."""

    stored: bool
    warning: int | None = None
    failure: int | None = None

    @property
    def text(self) -> str:
        """In words, empty where there is nothing to say."""
        if self.failure is not None:
            return f"failure {self.failure:04X}"
        if self.warning is not None:
            return f"warning {self.warning:04X}"
        return "" if self.stored else "the server does not say what became of it"


def store(client: httpx.Client, batch: Sequence[Sending], *, study: str = "") -> dict[str, Told]:
    """Send ``batch`` in one request; what became of each, by SOP Instance UID.

    An instance that the answer does not name counts as not stored. Raises `ServerError` where the
    request as a whole failed: then nothing is known of any of them.
    """
    boundary = secrets.token_hex(16)
    content_type = f'multipart/related; type="application/dicom"; boundary={boundary}'
    with (
        reaching(client.base_url),
        client.stream(
            "POST",
            f"/studies/{study}" if study else "/studies",
            content=_body(batch, boundary),
            headers={"Content-Type": content_type, "Accept": JSON},
        ) as answer,
    ):
        if answer.status_code not in _HAS_RESULTS or not _is_json(answer):
            checked(answer)
            raise ServerError(
                "the server does not say what it has stored", answered=answer.status_code
            )
        text = answer.read()
    try:
        told = _results(dataset_of(parse_json(text)))
    except UnreadableInstance as error:
        raise ServerError(
            f"the answer to a store cannot be read: {error}", answered=answer.status_code
        ) from error
    if not told:
        checked(answer)
    unknown = Told(stored=False)
    return {each.sop_instance_uid: told.get(each.sop_instance_uid, unknown) for each in batch}


def _is_json(answer: httpx.Response) -> bool:
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type in {JSON, "application/json"}


def _body(batch: Sequence[Sending], boundary: str) -> Iterator[bytes]:
    start = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    for each in batch:
        yield start
        yield from each.pieces()
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _results(dataset: Dataset) -> dict[str, Told]:
    told: dict[str, Told] = {}
    for item in dataset.get("ReferencedSOPSequence") or ():
        warning = item.get("WarningReason")
        told[_uid(item)] = Told(stored=True, warning=None if warning is None else int(warning))
    for item in dataset.get("FailedSOPSequence") or ():
        told[_uid(item)] = Told(stored=False, failure=int(item.get("FailureReason") or 0x0110))
    told.pop("", None)
    return told


def _uid(item: Dataset) -> str:
    return str(item.get("ReferencedSOPInstanceUID") or "")
