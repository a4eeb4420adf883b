"""The tools of the repository, imported as modules."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from doc_pages import ROOT

__all__ = ["tool"]


def tool(name: str) -> ModuleType:
    """The module ``tools/NAME.py``."""
    folder = str(ROOT / "tools")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)
