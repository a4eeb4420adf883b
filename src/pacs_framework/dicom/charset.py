"""Character sets: decoding that never fails, and the choice of one that can carry an answer.

pydicom owns the tables (PS3.3 C.12.1.1.2). Its decoder warns where it has to guess; a warning for
each odd byte that a modality sends would fill the log of an archive, so decoding is done here.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from pydicom import Dataset
from pydicom.charset import (
    CODES_TO_ENCODINGS,
    STAND_ALONE_ENCODINGS,
    default_encoding,
    encode_string,
    python_encoding,
)
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR

__all__ = [
    "LATIN_1",
    "UTF_8",
    "can_carry",
    "choose_character_set",
    "data_sets",
    "decode_text",
    "encode_identifier_charset",
    "is_ascii_text",
    "python_encodings",
]

UTF_8 = "ISO_IR 192"
LATIN_1 = "ISO_IR 100"

_ESCAPE = b"\x1b"

# Python's own codecs for these take the escape sequences as part of the text.
_KEEP_ESCAPE = {"iso2022_jp", "iso2022_jp_2"}

# PS3.5 6.1.2.5.3: control characters reset the code elements to those of the first character set.
_until_reset = re.compile(rb"([^\r\n\t\f]*)(.*)", re.DOTALL).fullmatch
_parts = re.compile(rb"^[^\x1b]+|\x1b[^\x1b]*").findall


def is_ascii_text(value: bytes) -> bool:
    """Whether a value reads the same in every character set: ASCII without escape sequences."""
    return value.isascii() and _ESCAPE not in value


@lru_cache(maxsize=256)
def python_encodings(character_set: bytes) -> tuple[str, ...]:
    """Python's codecs for an encoded Specific Character Set (0008,0005), the default one first.

    Common misspellings are understood; an unknown term counts as the default repertoire.
    """
    terms = character_set.decode("ascii", "replace").split("\\")
    return _codecs_of(tuple(term.strip(" \0") for term in terms))


def _codecs_of(terms: tuple[str, ...]) -> tuple[str, ...]:
    """Terms → codecs; stand-alone sets allow no others beside them (PS3.3 C.12.1.1.2)."""
    if len(terms) > 1 and terms[0] in STAND_ALONE_ENCODINGS:
        terms = terms[:1]
    kept = [term for i, term in enumerate(terms) if i == 0 or term not in STAND_ALONE_ENCODINGS]
    return tuple(_codec(term) for term in kept)


def _codec(term: str) -> str:
    spelt = re.sub(r"^ISO.2022.IR.", "ISO 2022 IR ", term)
    spelt = re.sub(r"^ISO[^_ ]IR |^ISO IR |^ISO.IR.", "ISO_IR ", spelt)
    return python_encoding.get(term) or python_encoding.get(spelt) or default_encoding


def decode_text(value: bytes, encodings: Sequence[str]) -> str:
    """Decode text, following ISO 2022 escape sequences (PS3.5 6.1.2.5).

    Whatever cannot be decoded becomes U+FFFD; this never raises.
    """
    if _ESCAPE not in value:
        encoding = encodings[0]
        # By the name that Python needs not look up, which takes longer than to decode a value.
        return value.decode("latin-1" if encoding == default_encoding else encoding, "replace")
    return "".join(_decode_part(part, encodings) for part in _parts(value))


def _decode_part(part: bytes, encodings: Sequence[str]) -> str:
    """Decode up to the next escape sequence; an unknown one is decoded as if it were text."""
    if not part.startswith(_ESCAPE):
        return part.decode(encodings[0], "replace")
    length = 4 if part.startswith((b"\x1b$(", b"\x1b$)")) else 3
    encoding = CODES_TO_ENCODINGS.get(part[:length])
    if encoding is None or (encoding not in encodings and encoding != default_encoding):
        return part.decode(encodings[0], "replace")
    if encoding in _KEEP_ESCAPE:
        return part.decode(encoding, "replace")
    match = _until_reset(part[length:])
    assert match is not None
    return match[1].decode(encoding, "replace") + match[2].decode(encodings[0], "replace")


def encode_identifier_charset(
    dataset: Dataset, preferred: str | Sequence[str] | None = None
) -> Dataset:
    """Give ``dataset`` the Specific Character Set that its text needs, and return it.

    ``preferred`` (that of the request, or of the stored instance) is kept when it can carry all
    text; else ISO_IR 100 is taken, or ISO_IR 192 when even that is too small. Pure ASCII has the
    attribute removed (PS3.3 C.12.1.1.2). Items inherit it (PS3.5 7.5.3), so theirs is removed.
    """
    texts = [text for text in _texts(dataset) if not text.isascii()]
    for inner in data_sets(dataset):
        inner.pop("SpecificCharacterSet", None)
    if texts:
        chosen = choose_character_set(texts, preferred)
        dataset.SpecificCharacterSet = chosen if isinstance(chosen, str) else list(chosen)
    return dataset


def choose_character_set(
    texts: Iterable[str], preferred: str | Sequence[str] | None
) -> str | Sequence[str]:
    """The first of ``preferred``, ISO_IR 100 and ISO_IR 192 that can carry all texts."""
    texts = list(texts)
    if preferred and can_carry(texts, preferred):
        return preferred
    return LATIN_1 if can_carry(texts, LATIN_1) else UTF_8


def can_carry(texts: Iterable[str], character_set: str | Sequence[str]) -> bool:
    """Whether every character has a code in the character set (or in one of several)."""
    terms = (character_set,) if isinstance(character_set, str) else tuple(character_set)
    if not any(terms) or (terms[0] and terms[0] not in python_encoding):
        return all(text.isascii() for text in texts)
    encodings = _codecs_of(terms)
    if encodings[0] in _KEEP_ESCAPE:
        # No set to begin with (PS3.3 C.12.1.1.2): even plain letters would be lost in it.
        return not any(texts)
    if len(encodings) == 1 and encodings[0] != "shift_jis":
        return all(_encodes(text, encodings[0]) for text in texts)
    texts = list(texts)
    return all(
        any(_has_code(character, encoding) for encoding in encodings)
        for character in set("".join(texts))
    ) and all(decode_text(encode_string(text, encodings), encodings) == text for text in texts)


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _has_code(character: str, encoding: str) -> bool:
    """Whether a single character belongs to one character set, not to Python's wider codec."""
    if character.isascii():
        return True
    try:
        encoded = codecs.encode(character, encoding)
    except UnicodeEncodeError:
        return False
    if encoding == "shift_jis":  # stands for JIS X 0201, which has single bytes alone
        return len(encoded) == 1
    if encoding == "iso2022_jp":
        return encoded.startswith(b"\x1b$B")
    if encoding == "iso2022_jp_2":
        return encoded.startswith(b"\x1b$(D")
    # The default repertoire is ASCII (PS3.5 6.1.2.1); pydicom's codec for it is wider.
    return encoding != default_encoding


def data_sets(dataset: Dataset) -> Iterator[Dataset]:
    """The data set and those of all items in it, however deep, decoded on the way."""
    pending = [dataset]
    while pending:
        current = pending.pop()
        yield current
        for element in current:
            if element.VR == "SQ":
                pending.extend(element.value)


def _texts(dataset: Dataset) -> Iterator[str]:
    """Every text in the data set whose encoding depends on the character set."""
    for current in data_sets(dataset):
        for element in current:
            if element.VR in CUSTOMIZABLE_CHARSET_VR and element.value:
                value = element.value
                values = value if isinstance(value, Iterable) and element.VM > 1 else [value]
                yield from (str(text) for text in values)
