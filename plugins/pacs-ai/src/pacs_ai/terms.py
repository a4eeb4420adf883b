"""Names that several rooms of this plugin share."""

from __future__ import annotations

__all__ = ["DOOR", "NAME"]

NAME = "ai"
"""The plugin's name, under which its tables are found."""

DOOR = "ai"
"""The way that results come in, and that series go out to models."""
