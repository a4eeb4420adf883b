"""What is wrong with a message, as its acknowledgement tells it."""

from __future__ import annotations

from enum import StrEnum

from pacs_framework.errors import PacsError

__all__ = ["Code", "ErrorCode", "Fault"]


class Code(StrEnum):
    """Acknowledgement codes (HL7 table 0008), of the original mode."""

    ACCEPT = "AA"
    ERROR = "AE"
    REJECT = "AR"

    @property
    def of_commit(self) -> str:
        """The same as an accept acknowledgement of the enhanced mode."""
        return f"C{self.value[1]}"


class ErrorCode(StrEnum):
    """Message error condition codes (HL7 table 0357)."""

    SEQUENCE = "100"
    REQUIRED = "101"
    DATA_TYPE = "102"
    TABLE_VALUE = "103"
    MESSAGE_TYPE = "200"
    EVENT = "201"
    PROCESSING_ID = "202"
    VERSION = "203"
    UNKNOWN_KEY = "204"
    DUPLICATE_KEY = "205"
    INTERNAL = "207"


class Fault(PacsError):
    """A message is not taken, and nothing of it was done.

    ``code`` is `Code.REJECT` for a message that cannot be read or is not for us, and `Code.ERROR`
    for one whose content cannot be. ``location`` is an ERL: segment, which of them, field
    (``PID^1^3``); empty where no single field is to blame.
    """

    def __init__(
        self,
        reason: str,
        *,
        code: Code = Code.ERROR,
        error: ErrorCode = ErrorCode.DATA_TYPE,
        location: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.error = error
        self.location = location
