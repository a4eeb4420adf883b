"""What a plugin runs beside the archive: a listener of another protocol, a queue to be sent."""

from __future__ import annotations

from abc import ABC, abstractmethod

__all__ = ["Background"]


class Background(ABC):
    """Work of a plugin from the start of an archive to its end, in threads of the plugin's own.

    One process of an archive runs it: the one that runs the change feed, which with several workers
    is their supervisor. Each node of a database has one.
    """

    name: str
    """For the log, and to tell it from others."""

    @abstractmethod
    def start(self) -> None:
        """Begin, and return. What is raised stops the start of the archive."""

    @abstractmethod
    def stop(self) -> None:
        """End all that `start` began; archive and tables are closed afterwards."""
