"""Whether the store finds out that an object arrived damaged, or we have to."""

from __future__ import annotations

import secrets
import threading

import structlog
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from pacs_storage_s3.bucket import Bucket
from pacs_storage_s3.failures import code_of, translated
from pacs_storage_s3.settings import Checking

__all__ = ["Proof"]

_log = structlog.get_logger(__name__)
_REFUSALS = {
    "BadDigest",
    "InvalidDigest",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
}
_SENT, _ARRIVED = b"what was sent", b"what came out"


class Proof:
    """Knows, as ``checking`` says, whether new objects have to be read back."""

    def __init__(self, bucket: Bucket, checking: Checking) -> None:
        self._bucket = bucket
        self._mutex = threading.Lock()
        self._reads_back: bool | None = None
        if checking is not Checking.AUTO:
            self._reads_back = checking is Checking.READ_BACK

    def reads_back(self) -> bool:
        """Whether every object has to be read again; the first call may ask the store."""
        with self._mutex:
            if self._reads_back is None:
                self._reads_back = not self._store_checks()
                if self._reads_back:
                    _log.warning(
                        "the store keeps what arrives damaged; every new object is read back "
                        "before SUCCESS"
                    )
            return self._reads_back

    def _store_checks(self) -> bool:
        """Send a damaged object. Raises `StorageError` where that tells nothing."""
        key = f".pacs-probe-{secrets.token_hex(8)}"
        with translated("find out whether the store checks what it gets"):
            try:
                self._bucket.put_damaged(key, _SENT, _ARRIVED)
            except ClientError as error:
                if code_of(error) in _REFUSALS:
                    return True
                raise
        self._bucket.delete(key)
        return False
