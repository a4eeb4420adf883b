"""The command ``pacs``."""

from __future__ import annotations

from pacs_framework.cli.main import main

__all__ = ["main"]
