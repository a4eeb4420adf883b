"""Imports without the garbage collector, which finds nothing in them and looks again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["importing"]


@contextmanager
def importing() -> Iterator[None]:
    """Keep the collector away while modules are imported, and from them for good.

    Modules, classes and functions are hundreds of thousands of objects that refer to each other
    and live as long as the process. What is frozen is never looked at again: neither by the
    collections of a running archive, nor when the interpreter ends, which takes 20 ms instead of
    350. Files, sockets and whatever else has a life of its own comes after.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
