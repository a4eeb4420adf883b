"""Errors of obstore as those of the storage contract."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from obstore.exceptions import BaseError as ObstoreError

from pacs_framework.errors import ObjectNotFound, OutOfResources, StorageError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["NO_BUCKET", "UNTRUSTED", "code_of", "translated"]

NO_BUCKET = {"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"}
UNTRUSTED = "the certificate of the store is not trusted; set ca_file in the section of its plugin"
_FULL = {"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "507"}
_MISSING = {"NoSuchKey", "NoSuchVersion", "BlobNotFound", "404", "NotFound"}
_CODE = re.compile(r"<Code>\s*([^<]+?)\s*</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_TOKEN = "performing token request"  # noqa: S105 - what the library says of one that failed
_MESSAGE = re.compile(r'(?:message|error): "([^"]+)"')
_HINTS = {
    "make the bucket, or correct [storage] url": NO_BUCKET,
    "look at the rights of its credentials": {
        *("AccessDenied", "403"),
        *("AuthorizationFailure", "AuthorizationPermissionMismatch"),
        "InsufficientAccountPermissions",
    },
    "look at the credentials": {
        *("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"),
        *("AuthenticationFailed", "InvalidAuthenticationInfo", "AuthenticationRequired", "401"),
    },
    "set the clock of this machine": {"RequestTimeTooSkewed"},
    "the object is in a storage class that has to be restored first": {
        "InvalidObjectState",
        "BlobArchived",
    },
}


class translated:  # noqa: N801 - reads as a statement: `with translated("keep an object"):`
    """Raise `StorageError` or one of its kinds instead of what the library raises.

    A plugin that speaks through another library too makes a class of its own of this.
    """

    __slots__ = ("_what",)
    errors: ClassVar[tuple[type[BaseException], ...]] = (OSError, ObstoreError)

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
        if isinstance(error, self.errors):
            raise self._explained(error) from error

    def code(self, error: BaseException) -> str:
        """The error code of the store, such as ``NoSuchBucket``, else its HTTP status."""
        return code_of(error)

    def cause(self, error: BaseException) -> str:
        """One line for an error that no answer of the store was, without the object's path."""
        text = str(error)
        if "InvalidCertificate" in text:
            return UNTRUSTED
        if found := _MESSAGE.search(text):
            return found[1]
        if "TimedOut" in text or "kind: Timeout" in text:
            return "the store gave no answer in time"
        return text.partition("\n")[0].rpartition(" - ")[2][:200]

    def _explained(self, error: BaseException) -> StorageError:
        code = self.code(error)
        if _TOKEN in str(error):  # its status is not the store's: 404 is no missing object
            why = code or self.cause(error)
            return StorageError(
                f"cannot {self._what}: no token for the store ({why}); look at the credentials in "
                "the section of its plugin"
            )
        if code in _FULL:
            return OutOfResources(f"cannot {self._what}: the store is full ({code})")
        missing = code in _MISSING or isinstance(error, FileNotFoundError)
        if missing and code not in NO_BUCKET:
            return ObjectNotFound(f"cannot {self._what}: the store has no such object")
        if code:
            return StorageError(f"cannot {self._what}: the store answered {code}{_hint(code)}")
        return StorageError(f"cannot {self._what}: {self.cause(error)}")


def code_of(error: BaseException) -> str:
    """The error code that obstore tells of, else the HTTP status, else empty."""
    found = _CODE.search(str(error)) or _STATUS.search(str(error))
    return found[1] if found else ""


def _hint(code: str) -> str:
    return next((f"; {hint}" for hint, codes in _HINTS.items() if code in codes), "")
