"""Errors of the two libraries as those of the storage contract."""

from __future__ import annotations

from typing import ClassVar

from botocore.exceptions import BotoCoreError, ClientError, SSLError  # type: ignore[import-untyped]

from pacs_framework.buckets import failures

__all__ = ["code_of", "translated"]


class translated(failures.translated):  # noqa: N801 - reads as a statement
    """Of botocore too."""

    __slots__ = ()
    errors: ClassVar[tuple[type[BaseException], ...]] = (
        *failures.translated.errors,
        BotoCoreError,
        ClientError,
    )

    def code(self, error: BaseException) -> str:
        """As botocore tells it, or as obstore does."""
        return code_of(error)

    def cause(self, error: BaseException) -> str:
        """The first line of what botocore says."""
        if isinstance(error, SSLError):
            return failures.UNTRUSTED
        if isinstance(error, BotoCoreError):
            return str(error).partition("\n")[0][:200]
        return super().cause(error)


def code_of(error: BaseException) -> str:
    """The error code of the store, such as ``NoSuchBucket``, else its HTTP status, else empty."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return failures.code_of(error)
