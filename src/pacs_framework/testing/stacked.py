"""What holds things for a test and gives them back at its end."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

__all__ = ["Stacked"]


class Stacked:
    """A context manager; what is entered on ``_stack`` ends with it, the last one first."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
