"""A WebSocket as a plugin sees it: asked when there may be something to say, told what is said."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import ClassVar

__all__ = ["Channel", "CloseCode", "Hangup"]


class CloseCode(IntEnum):
    """Why a WebSocket is closed (RFC 6455 7.4.1, and the registry of IANA)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    UNSUPPORTED_DATA = 1003
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012


class Hangup(Exception):
    """A method of a `Channel` raises it to close the WebSocket. ``reason`` goes to the client: up
    to 123 bytes, and no patient data.
    """

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Channel(ABC):
    """One WebSocket, as long as it stands; made by what a route ``opens``.

    Its methods are called in threads of requests, one after the other, and none while there is
    nothing to do: a channel that is silent holds no thread. What they raise, other than `Hangup`,
    goes to the log and closes the WebSocket.
    """

    subprotocol: ClassVar[str] = ""
    """What is spoken, where a client asks for a subprotocol by its name."""

    @abstractmethod
    def opened(self, ring: Callable[[], None]) -> None:
        """It stands. ``ring`` may be called from any thread, at any time: `waiting` is asked then.

        It is asked once without that.
        """

    @abstractmethod
    def waiting(self) -> Sequence[str | bytes]:
        """What is to be sent next, in order: text, or bytes.

        It is asked again when the client's side has taken all of it, until there is nothing; so
        what was given before may be forgotten then, and a slow reader makes nobody hold more.
        Whether the client may still have it was looked at a moment before.
        """

    def received(self, message: str | bytes) -> None:
        """The client said something, which most channels do not expect."""
        del message
        raise Hangup(CloseCode.UNSUPPORTED_DATA, "nothing is to be said here")

    @abstractmethod
    def closed(self) -> None:
        """It is over, whatever the reason was; called once, for each that was `opened`."""
