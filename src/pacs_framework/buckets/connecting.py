"""obstore's stores of one place: how long their requests take, whom they trust, when they retry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obstore.exceptions import BaseError

from pacs_framework.errors import ConfigurationError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

__all__ = ["ATTEMPTS", "CONNECT_SECONDS", "Stores", "open_stores"]

ATTEMPTS = 3
"""The budget of a request is divided by this: retries, the last try, and its answer."""

CONNECT_SECONDS = 5.0
_STREAM_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """One place twice: for requests that end within their time, and for what is read as a stream.

    A stream may take any time as long as it goes on.
    """

    small: Any
    streams: Any


def open_stores(
    make: Callable[..., Any], *, budget: float, http: bool, ca_file: Path | None, section: str
) -> Stores:
    """Both stores that ``make`` makes of options and retries, without a request.

    ``budget`` in seconds for each request with its retries; ``http`` allows addresses without TLS.
    Raises `ConfigurationError` where ``ca_file`` cannot be read, or ``make`` refuses its options.
    """
    third = budget / ATTEMPTS
    common: ClientConfig = {
        "allow_http": http,
        "connect_timeout": dt.timedelta(seconds=min(CONNECT_SECONDS, third)),
    }
    if ca_file is not None:
        common["root_certificate"] = _certificates(ca_file, section)
    small: ClientConfig = {**common, "timeout": dt.timedelta(seconds=third)}
    streams: ClientConfig = {
        **common,
        "timeout": dt.timedelta(seconds=_STREAM_SECONDS),
        "read_timeout": dt.timedelta(seconds=third),
    }
    retries = _retries(third)
    try:
        return Stores(
            small=make(client_options=small, retry_config=retries),
            streams=make(client_options=streams, retry_config=retries),
        )
    except (BaseError, ValueError) as error:
        why = str(error).partition("\n")[0]
        raise ConfigurationError(f"[{section}]: {why}") from error


def _certificates(file: Path, section: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"[{section}] ca_file {str(file)!r}: {error.strerror}") from error


def _retries(seconds: float) -> RetryConfig:
    """Attempts for ``seconds``; the last one may take as long again, the answer likewise."""
    return {
        "max_retries": 10,
        "retry_timeout": dt.timedelta(seconds=seconds),
        "backoff": {
            "init_backoff": dt.timedelta(milliseconds=100),
            "max_backoff": dt.timedelta(seconds=max(0.2, seconds / 4)),
            "base": 2,
        },
    }
