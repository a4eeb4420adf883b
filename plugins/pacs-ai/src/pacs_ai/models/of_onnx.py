"""Networks in ONNX files, on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs_ai.models.networks import Network

__all__ = ["OnnxModel"]

_FLOAT = "tensor(float)"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxModel(Network):
    """A network in ``file``, on the CPU, with so many ``threads``."""

    file: Path
    threads: int = 1

    def weights(self) -> Sequence[Path]:
        """Its file."""
        return (self.file,)

    @contextmanager
    def opened(self) -> Iterator[_Session]:
        """A session with the file."""
        # An extra, and only in the process of a run: it begins threads, which do not bear a fork.
        import onnxruntime as runtime  # type: ignore[import-untyped]  # noqa: PLC0415

        options = runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        yield _Session(runtime.InferenceSession(str(self.file), options, providers=providers))


class _Session:
    dtype = np.dtype(np.float32)

    def __init__(self, session: Any) -> None:
        taken = session.get_inputs()
        if len(taken) != 1 or taken[0].type != _FLOAT:
            raise ValueError(f"a network has one input, of {_FLOAT}")
        self._session, self._name = session, taken[0].name
        self.dimensions = len(taken[0].shape)

    def answer(self, block: NDArray[Any]) -> NDArray[Any]:
        """The first output."""
        return np.asarray(self._session.run(None, {self._name: block})[0])
