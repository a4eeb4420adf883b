"""Instances sent to another server (STOW-RS, PS3.18 10.5)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pacs_framework.dicomweb.server import JSON, ServerError, checked, reaching

if TYPE_CHECKING:
    import httpx

__all__ = ["Sending", "Told", "store"]

_REFERENCED_SOP_SEQUENCE = "00081199"
_FAILED_SOP_SEQUENCE = "00081198"
_REFERENCED_SOP_INSTANCE_UID = "00081155"
_WARNING_REASON = "00081196"
_FAILURE_REASON = "00081197"
_PROCESSING_FAILURE = 0x0110
_LONGEST = 64 << 20  # bytes of an answer, which tells a few hundred of each instance
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


def store(
    client: httpx.Client,
    batch: Sequence[Sending],
    *,
    study: str = "",
    extensions: Mapping[str, Any] | None = None,
) -> dict[str, Told]:
    """Send ``batch`` in one request; what became of each, by SOP Instance UID.

    ``extensions`` are those of the request, as httpx has them.

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
            extensions=dict(extensions or {}),
        ) as answer,
    ):
        if answer.status_code not in _HAS_RESULTS or not _is_json(answer):
            checked(answer)
            raise ServerError(
                "the server does not say what it has stored", answered=answer.status_code
            )
        text = _read(answer)
    try:
        told = _results(json.loads(text))
    except (TypeError, ValueError) as error:
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


def _read(answer: httpx.Response) -> bytes:
    taken = bytearray()
    for piece in answer.iter_bytes():
        taken += piece
        if len(taken) > _LONGEST:
            raise ServerError("the answer to a store has no end", answered=answer.status_code)
    return bytes(taken)


def _results(answer: object) -> dict[str, Told]:
    """What a data set in JSON (PS3.18 Annex F) tells of each instance. Raises ValueError."""
    told: dict[str, Told] = {}
    (dataset,) = answer if isinstance(answer, list) and answer else (answer,)
    for item in _values(dataset, _REFERENCED_SOP_SEQUENCE):
        told[_uid(item)] = Told(stored=True, warning=_number(item, _WARNING_REASON))
    for item in _values(dataset, _FAILED_SOP_SEQUENCE):
        reason = _number(item, _FAILURE_REASON) or _PROCESSING_FAILURE
        told[_uid(item)] = Told(stored=False, failure=reason)
    told.pop("", None)
    return told


def _values(dataset: object, tag: str) -> list[Any]:
    if not isinstance(dataset, dict):
        raise ValueError("it is no data set")  # noqa: TRY004 - of the answer
    element = dataset.get(tag, {})
    found = element.get("Value", []) if isinstance(element, dict) else None
    if not isinstance(found, list):
        raise ValueError(f"({tag[:4]},{tag[4:]}) has no values")  # noqa: TRY004 - of the answer
    return found


def _uid(item: object) -> str:
    return next((str(value) for value in _values(item, _REFERENCED_SOP_INSTANCE_UID)), "")


def _number(item: object, tag: str) -> int | None:
    return next((int(value) for value in _values(item, tag)), None)
