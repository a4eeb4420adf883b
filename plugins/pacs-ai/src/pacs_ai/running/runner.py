"""The contract of what runs a model, and what all of them need."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_ai.api import OnSeries
from pacs_ai.running.process import Limits
from pacs_ai.running.said import Said

if TYPE_CHECKING:
    from pacs_ai.running.warm import Workers
    from pacs_ai.volumes.study import Given
    from pacs_framework.waking import Waker

__all__ = ["QUIET", "Made", "Runner", "Work", "digest_of", "plain_environment"]

QUIET = {"DO_NOT_TRACK": "1", "ORT_DISABLE_TELEMETRY": "1"}
"""Variables by which libraries do not tell their makers of models and series, as ONNX Runtime does
from 1.29 on.
"""

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One run: ``folder`` is its own; ``digest`` is the model's, ``progress`` is told how much is
    done. ``environment`` is added to that of the model: which GPU it has.
    """

    uid: str
    folder: Path
    digest: str
    workers: Workers
    series: Given
    limits: Limits
    said: Said
    progress: Callable[[float], None] = lambda _: None
    canceled: Waker | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a run made: results to be written as instances, or DICOM files to be checked; or why it
    made ``nothing``, in words of the model.
    """

    results: tuple[OnSeries, ...] = ()
    files: tuple[Path, ...] = ()
    nothing: str = ""


class Runner(ABC):
    """Runs one model. Used from many threads, each with work of its own."""

    kind: str = ""
    """Its name in the provenance of a run."""

    pixels: bool = True
    """Whether it needs the volume, or the files alone."""

    @abstractmethod
    def run(self, work: Work) -> Made:
        """Run the model; raises `ModelFailed` and `RefusedOutput`."""

    @abstractmethod
    def digest(self) -> str:
        """SHA-256 of what makes the model: code and weights, as far as they are files."""


def plain_environment(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a model: nothing of the archive's own, in which there may be secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    return {**kept, **QUIET, "HOME": str(folder), "TMPDIR": str(folder), **more}


def digest_of(*paths: Path, text: str = "") -> str:
    """SHA-256 over files in their order, and over ``text``. Raises OSError."""
    digest = sha256(text.encode("utf-8"))
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
