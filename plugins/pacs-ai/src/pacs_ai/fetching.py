"""Weights from the web: fetched once, by the first run that wants them, and known by their digest.

Whatever an address leads to later, a model is never run with anything else than what was named.
"""

from __future__ import annotations

import re
import select
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import structlog

from pacs_ai.errors import ModelCanceled, ModelFailed

if TYPE_CHECKING:
    from pacs_framework.waking import Waker

__all__ = ["WebFile"]

_NAME = re.compile(r"\w[\w.-]{0,99}")
_ANY_NAME = "weights"
_BLOCK = 1 << 20
_CONNECT_SECONDS, _SECONDS = 10.0, 60.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFile:
    """The file at ``url``, if its SHA-256 is ``digest``; it is kept below ``folder``."""

    url: str
    digest: str
    folder: Path

    @property
    def path(self) -> Path:
        """Where it is, once it was fetched: by the name that the address gives it."""
        name = unquote(urlsplit(self.url).path).rpartition("/")[2]
        return self.folder / self.digest / (name if _NAME.fullmatch(name) else _ANY_NAME)

    def fetch(self, through: Path, canceled: Waker | None = None) -> None:
        """Have it at `path`; nothing where it is there. It comes into the folder ``through`` first.

        Raises `ModelFailed` where it cannot be had or is another one, and `ModelCanceled`.
        """
        if self.path.exists():
            return
        import httpx  # noqa: PLC0415 - most runs fetch nothing

        part = through / self.digest
        try:
            self._fetch(part, canceled)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.rename(self.path)  # at once: another run may be fetching it, too
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            why = str(error) or type(error).__name__
            raise ModelFailed(f"{self.url} cannot be fetched: {why}") from error
        finally:
            part.unlink(missing_ok=True)
        _log.info("weights fetched", url=self.url, bytes=self.path.stat().st_size)

    def _fetch(self, part: Path, canceled: Waker | None) -> None:
        import httpx  # noqa: PLC0415 - see above

        found = sha256()
        patience = httpx.Timeout(_SECONDS, connect=_CONNECT_SECONDS)
        with (
            part.open("xb") as file,
            httpx.stream("GET", self.url, follow_redirects=True, timeout=patience) as answer,
        ):
            answer.raise_for_status()
            for block in answer.iter_bytes(_BLOCK):
                if canceled is not None and select.select([canceled.descriptor], [], [], 0)[0]:
                    raise ModelCanceled("it was canceled while its weights were fetched")
                found.update(block)
                file.write(block)
        if found.hexdigest() != self.digest:
            raise ModelFailed(
                f"{self.url} is not what was configured: its SHA-256 is {found.hexdigest()}"
            )
