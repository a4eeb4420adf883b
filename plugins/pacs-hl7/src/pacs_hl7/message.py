"""Reading messages: separators of MSH-1 and MSH-2, segments, fields, escape sequences (HL7 2.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pacs_hl7.charsets import codec_of, decoded
from pacs_hl7.faults import Code, ErrorCode, Fault

__all__ = ["Message", "Segment", "Separators", "read_header", "read_message"]

_MOST_SEGMENTS = 2000
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_BATCH = (b"FHS", b"BHS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Separators:
    """The characters that a message is divided by, and the escape character."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @property
    def encoding(self) -> str:
        """As MSH-2 has them."""
        return f"{self.component}{self.repetition}{self.escape}{self.subcomponent}"

    def escaped(self, text: str) -> str:
        """``text`` as it may stand in a component."""
        letters = {
            self.escape: "E",
            self.field: "F",
            self.component: "S",
            self.repetition: "R",
            self.subcomponent: "T",
        }
        out = []
        for character in text.replace("\r\n", "\n"):
            if character in letters:
                out.append(f"{self.escape}{letters[character]}{self.escape}")
            elif character in "\r\n":
                out.append(f"{self.escape}.br{self.escape}")
            elif character >= " ":
                out.append(character)
        return "".join(out)


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; ``fields`` as they were written, so that ``fields[3]`` is PID-3."""

    name: str
    fields: Sequence[str]
    number: int
    """Which one of its name it is in the message, from 1."""

    def field(self, number: int) -> str:
        """A field as it was written; empty where it is absent."""
        return self.fields[number] if number < len(self.fields) else ""


class Message:
    """A message that was read."""

    def __init__(self, segments: Sequence[Segment], separators: Separators, codec: str) -> None:
        self.segments = segments
        self.separators = separators
        self.codec = codec

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.plain(10)

    @property
    def sender(self) -> str:
        """Sending application and facility, MSH-3 and MSH-4."""
        return f"{self.header.field(3)}|{self.header.field(4)}"

    @property
    def kind(self) -> str:
        """Type and event, as in ``ADT^A08``; the type alone where there is no event."""
        parts = self.header.field(9).split(self.separators.component)
        return "^".join(part.strip() for part in parts[:2] if part.strip())

    def plain(self, number: int) -> str:
        """The first component of a field of MSH."""
        return self.component(self.header.field(number), 1)

    def repetitions(self, field: str) -> list[str]:
        """The repetitions of a field; none of an empty one."""
        return field.split(self.separators.repetition) if field else []

    def component(self, repetition: str, number: int, sub: int = 1) -> str:
        """The text of a component, or of a subcomponent of it, without escapes and padding."""
        parts = repetition.split(self.separators.component)
        raw = parts[number - 1] if number <= len(parts) else ""
        parts = raw.split(self.separators.subcomponent)
        raw = parts[sub - 1] if sub <= len(parts) else ""
        return self.unescaped(raw).strip(" ")

    def components(self, repetition: str) -> list[str]:
        """All components as text, of each the first subcomponent."""
        count = repetition.count(self.separators.component) + 1
        return [self.component(repetition, number) for number in range(1, count + 1)]

    def unescaped(self, raw: str) -> str:
        """Text for escape sequences (HL7 2.5, 2.7); what has no meaning here stays as it is."""
        escape = self.separators.escape
        if not escape or escape not in raw:
            return raw
        mark = re.escape(escape)
        return re.sub(f"{mark}([^{mark}]*){mark}", self._meaning, raw)

    def _meaning(self, sequence: re.Match[str]) -> str:
        name = sequence[1]
        known = {
            "F": self.separators.field,
            "S": self.separators.component,
            "T": self.separators.subcomponent,
            "R": self.separators.repetition,
            "E": self.separators.escape,
            "H": "",
            "N": "",
            ".br": "\r\n",
            ".sp": "\r\n",
        }
        if name in known:
            return known[name]
        if name.startswith("X") and len(name) % 2:
            return self._bytes(name[1:])
        if name[:1] in ("C", "M"):
            raise Fault(
                f"the escape sequence {name[:1]!r} to another character set is not known; "
                "name the character set in MSH-18",
                code=Code.REJECT,
            )
        return sequence[0]

    def _bytes(self, digits: str) -> str:
        try:
            return bytes.fromhex(digits).decode(self.codec)
        except ValueError:
            raise Fault(r"an \X...\ escape is no text in the character set of MSH-18") from None


def read_header(data: bytes) -> Message:
    """MSH alone, as far as it can be read, so that even a bad message gets its answer.

    Raises `Fault` where the data do not begin with one that can be answered.
    """
    line = re.split(rb"[\r\n]", data, maxsplit=1)[0]
    if line[:3] in _BATCH:
        raise Fault("batches (FHS, BHS) are not taken; send message by message", code=Code.REJECT)
    if line[:3] != b"MSH" or len(line) < 8:
        raise Fault(
            "the message does not begin with an MSH segment",
            code=Code.REJECT,
            error=ErrorCode.SEQUENCE,
        )
    text = line.decode("latin-1")
    return Message([_header(text)], _separators(text), "latin-1")


def read_message(data: bytes, default_charset: str = "ASCII") -> Message:
    """All of a message. Raises `Fault` for what cannot be read, before anything is looked at."""
    head = read_header(data)
    names = head.repetitions(head.header.field(18)) or [default_charset]
    codec = codec_of(names)
    text = decoded(data, codec)
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    if len(lines) > _MOST_SEGMENTS:
        raise Fault(f"more than {_MOST_SEGMENTS} segments", code=Code.REJECT)
    segments = [_header(lines[0]), *_segments(lines[1:], head.separators)]
    return Message(segments, head.separators, codec)


def _separators(line: str) -> Separators:
    encoding = line[4:].split(line[3], 1)[0]
    characters = [line[3], *encoding[:4]]
    if len(characters) < 2 or len(set(characters)) < len(characters):
        raise _bad_separators()
    if any(character.isalnum() or character.isspace() for character in characters):
        raise _bad_separators()
    absent = "\0"  # a separator that MSH-2 does not name divides nothing
    characters += [absent] * (5 - len(characters))
    field, component, repetition, escape, subcomponent = characters
    return Separators(
        field=field,
        component=component,
        repetition=repetition,
        escape="" if escape == absent else escape,
        subcomponent=subcomponent,
    )


def _bad_separators() -> Fault:
    return Fault(
        "MSH-1 and MSH-2 do not name different separators", code=Code.REJECT, location="MSH^1^2"
    )


def _header(line: str) -> Segment:
    first, *rest = line[4:].split(line[3])
    return Segment("MSH", ["MSH", line[3], first, *rest], 1)


def _segments(lines: Sequence[str], separators: Separators) -> Iterator[Segment]:
    seen: dict[str, int] = {}
    for place, line in enumerate(lines, 2):
        fields = line.split(separators.field)
        name = fields[0].strip()
        if not _NAME.fullmatch(name):
            raise Fault(f"line {place} is no segment", code=Code.REJECT, error=ErrorCode.SEQUENCE)
        if name == "MSH":
            raise Fault(
                "two MSH segments: more than one message in a block",
                code=Code.REJECT,
                error=ErrorCode.SEQUENCE,
            )
        seen[name] = seen.get(name, 0) + 1
        yield Segment(name, fields, seen[name])
