"""What a running archive tells of itself: to ``pacs plugins``, to ``pacs health``."""

from __future__ import annotations

from pacs_framework.live.ask import ask
from pacs_framework.live.endpoint import Endpoint
from pacs_framework.live.health import Health

__all__ = ["Endpoint", "Health", "ask"]
