"""C-CANCEL, asked for in between and never forgotten (PS3.7 9.3.2.3)."""

from __future__ import annotations

from pacs_framework.network.service import Request

__all__ = ["Cancellation"]


class Cancellation:
    """Asks whether a C-CANCEL came for a request, and remembers that it did."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.requested = False

    def __call__(self) -> bool:
        """Look once more, unless it is known already."""
        self.requested = self.requested or self._request.cancelled()
        return self.requested
