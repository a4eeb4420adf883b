"""Character sets of messages: MSH-18, HL7 table 0211."""

from __future__ import annotations

from pacs_hl7.faults import Code, ErrorCode, Fault

__all__ = ["KNOWN", "codec_of", "decoded"]

_JAPANESE = "iso2022_jp_ext"
_CODECS = {
    "": "ascii",
    "ASCII": "ascii",
    "ISO IR6": "ascii",
    **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "ISO IR14": _JAPANESE,
    "ISO IR87": _JAPANESE,
    "ISO IR159": _JAPANESE,
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
}
KNOWN = tuple(name for name in _CODECS if name)
"""The values of MSH-18 that are understood."""


def codec_of(names: list[str]) -> str:
    """The codec for the repetitions of MSH-18; the first one is the default of the message.

    Code extension (ISO 2022) is known for Japanese. UTF-16 and UTF-32 are refused: their bytes may
    end an MLLP block in the middle of a character. Raises `Fault` for what is not known.
    """
    codecs = {_codec(name.strip().upper()) for name in names} or {"ascii"}
    beyond = codecs - {"ascii"}
    if len(beyond) > 1:
        raise _unknown(f"the character sets {names} together")
    return beyond.pop() if beyond else "ascii"


def _codec(name: str) -> str:
    if name not in _CODECS:
        raise _unknown(f"the character set {name!r}")
    return _CODECS[name]


def _unknown(what: str) -> Fault:
    return Fault(
        f"MSH-18: {what} cannot be read; known are {', '.join(KNOWN)}",
        code=Code.REJECT,
        error=ErrorCode.TABLE_VALUE,
        location="MSH^1^18",
    )


def decoded(data: bytes, codec: str) -> str:
    """The text of a message. Raises `Fault` where the bytes are not of the character set."""
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        raise Fault(
            f"byte {error.start} is no text in the character set of MSH-18 ({codec}); where the "
            "sender leaves MSH-18 empty, set default_charset",
            code=Code.REJECT,
            location="MSH^1^18",
        ) from None
