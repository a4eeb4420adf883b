"""Ways into the archive besides DICOM's own port, which plugins bring: HTTP, for example."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod

__all__ = ["Door"]


class Door(ABC):
    """A protocol that a plugin listens by, in every process that accepts associations.

    The archive binds the address, so that several workers share one socket, and an address that
    cannot be had is told before anything is served.
    """

    name: str
    """For the log and the command line, and to tell it from others."""

    scheme: str
    """What stands in front of the address where it is shown: ``http``."""

    host: str
    """The address to listen on."""

    port: int
    """The TCP port; 0 takes any free one."""

    chosen: bool
    """Whether somebody configured the port. One that nobody chose and that is taken leaves the door
    closed, with a warning; next to a DICOM port of 0 it is any free one, too.
    """

    @abstractmethod
    def start(self, listening: socket.socket) -> None:
        """Serve connections of ``listening``, which is the door's own from now on, and return.

        Other processes may accept on the same socket. What is raised stops the start of the
        archive.
        """

    @abstractmethod
    def stop(self) -> None:
        """Stop accepting, end what is under way in order, and close the socket. Harmless when
        called twice; archive and tables are closed afterwards.
        """
