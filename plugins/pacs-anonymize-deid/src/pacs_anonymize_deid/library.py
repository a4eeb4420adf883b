"""deid, without what it would do to a process that serves an archive.

Imported when the first instance comes. deid is a program for one run over some files. Used in a
process that stays, it would import matplotlib, print, keep every message and every data set that it
has seen, and exit at a mistake in a recipe.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from typing import Any

from deid.config import DeidRecipe  # type: ignore[import-untyped]  # deid has no types
from deid.logger import bot  # type: ignore[import-untyped]

__all__ = ["DeidRecipe", "DicomParser"]


def _nothing(*_: object, **__: object) -> None:
    """Instead of messages, which quote values of the patient."""


def _imported_without_pixels() -> tuple[Any, Any]:
    """The modules for headers, with the package around them not run.

    ``deid.dicom`` imports its modules for pixels, and they matplotlib: half a second, a cache of
    fonts in the user's folder, deprecated names of pydicom. Whoever imports the package later gets
    all of it.
    """
    name = "deid.dicom"
    there = name in sys.modules
    if not there:
        sys.modules[name] = module_from_spec(_spec_of(name))
    try:
        return import_module(f"{name}.parser"), import_module(f"{name}.fields")
    finally:
        if not there:
            del sys.modules[name]


def _spec_of(name: str) -> ModuleSpec:
    spec = find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return spec


_parser, _fields = _imported_without_pixels()
bot.emit = _nothing
# A cache without an end, of every data set that it ever saw.
_fields._get_fields_inner = _fields._get_fields_inner.__wrapped__  # noqa: SLF001 - it has no switch

DicomParser: Any = _parser.DicomParser
"""What carries a recipe out on a data set, in its place."""
