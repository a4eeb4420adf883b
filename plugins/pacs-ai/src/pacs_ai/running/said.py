"""What a run says: the last of its words, as text that may be shown."""

from __future__ import annotations

__all__ = ["Said", "in_one_line"]

_LAST = 200  # characters of the last line that go into a reason


class Said:
    """The last ``most`` bytes that a command wrote to standard output and standard error."""

    def __init__(self, most: int = 1 << 16) -> None:
        self._most = most
        self._data = bytearray()
        self._lost = 0

    def add(self, data: bytes) -> None:
        """Take more; what is too much in front goes."""
        self._data += data
        over = len(self._data) - self._most
        if over > 0:
            self._lost += over
            del self._data[:over]

    @property
    def text(self) -> str:
        """All that is kept, printable: whatever else it wrote shows as escapes."""
        lines = self._data.decode("utf-8", "backslashreplace").splitlines()
        kept = "\n".join(map(_printable, lines))
        return f"[{self._lost} bytes before]\n{kept}" if self._lost else kept

    @property
    def last(self) -> str:
        """The last line with something in it."""
        return next((line for line in reversed(self.text.splitlines()) if line.strip()), "")[
            -_LAST:
        ]


def in_one_line(text: str) -> str:
    """``text`` with single spaces for all that separates words, and escapes as `Said.text` has."""
    return _printable(" ".join(text.split()))


def _printable(line: str) -> str:
    return "".join(
        each
        if each.isprintable() or each == "\t"
        else each.encode("unicode_escape").decode("ascii")
        for each in line
    )
