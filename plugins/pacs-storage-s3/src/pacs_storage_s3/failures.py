"""Errors of the two libraries as those of the storage contract."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, SSLError  # type: ignore[import-untyped]
from obstore.exceptions import BaseError as ObstoreError

from pacs_framework.errors import ObjectNotFound, OutOfResources, StorageError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["code_of", "translated"]

_FULL = {"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "507"}
_MISSING = {"NoSuchKey", "NoSuchVersion", "404", "NotFound"}
_CODE = re.compile(r"<Code>\s*([^<]+?)\s*</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_MESSAGE = re.compile(r'(?:message|error): "([^"]+)"')


class translated:  # noqa: N801 - reads as a statement: `with translated("keep an object"):`
    """Raise `StorageError` or one of its kinds instead of what the libraries raise."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, (BotoCoreError, ClientError, FileNotFoundError, ObstoreError)):
            raise _explained(self._what, error) from error


def code_of(error: BaseException) -> str:
    """The error code of the store, such as ``NoSuchBucket``, else its HTTP status, else empty."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    found = _CODE.search(str(error)) or _STATUS.search(str(error))
    return found[1] if found else ""


def _explained(what: str, error: BaseException) -> StorageError:
    code = code_of(error)
    if code in _FULL:
        return OutOfResources(f"cannot {what}: the store is full ({code})")
    if code != "NoSuchBucket" and (code in _MISSING or isinstance(error, FileNotFoundError)):
        return ObjectNotFound(f"cannot {what}: the store has no such object")
    if code:
        return StorageError(f"cannot {what}: the store answered {code}{_hint(code)}")
    return StorageError(f"cannot {what}: {_cause(error)}")


def _hint(code: str) -> str:
    match code:
        case "NoSuchBucket":
            return "; make the bucket, or correct [storage] url"
        case "AccessDenied" | "403":
            return "; look at the rights of its credentials"
        case "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken":
            return "; look at the credentials"
        case "RequestTimeTooSkewed":
            return "; set the clock of this machine"
        case "InvalidObjectState":
            return "; the object is in a storage class that has to be restored first"
        case _:
            return ""


def _cause(error: BaseException) -> str:
    """One line, without the path of the object."""
    text = str(error)
    if "InvalidCertificate" in text or isinstance(error, SSLError):
        return "the certificate of the store is not trusted; set ca_file in [plugin.storage-s3]"
    if isinstance(error, BotoCoreError):
        return text.partition("\n")[0][:200]
    if found := _MESSAGE.search(text):
        return found[1]
    if "TimedOut" in text or "kind: Timeout" in text:
        return "the store gave no answer in time"
    return text.partition("\n")[0].rpartition(" - ")[2][:200]
