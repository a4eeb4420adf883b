"""The mapping file: which field of a message becomes which attribute; see ``default.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path as File
from typing import Any, cast

from pydicom import Dataset
from pydicom.config import RAISE
from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.valuerep import validate_value

from pacs_framework.errors import ConfigurationError
from pacs_hl7.faults import Fault
from pacs_hl7.message import Message, Segment
from pacs_hl7.paths import NOTHING, Path
from pacs_hl7.values import KINDS, Value

__all__ = ["ACTIONS", "Attribute", "MessageMapping", "Source", "default_text", "load_mapping"]

ACTIONS = (
    "orders",
    "plan-appointments",
    "cancel-appointments",
    "update-patient",
    "merge-patients",
    "change-patient-id",
    "link-patients",
    "unlink-patients",
    "accept",
    "refuse",
)
"""What may be done with a message."""
CONTROLS = ("plan", "cancel", "status")
STATUSES = ("plan", "start", "complete", "cancel")
_SECTIONS = ("patient", "procedure", "step")
# For mapping files that were written before there were appointments.
_APPOINTMENT, _SERVICE = ["SCH-26.1", "SCH-27.1", "SCH-2.1", "SCH-1.1"], "AIS-1"
_control = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")  # all but those of layout (PS3.5 6.1.3)
_MULTILINE = ("LT", "ST", "UT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place that the value of an attribute may come from."""

    paths: tuple[Path, ...] = ()
    kind: str = "text"
    table: Mapping[str, str] | None = None
    constant: str = ""

    def value(
        self, message: Message, segments: Sequence[Segment], *, many: bool = False
    ) -> tuple[Value, str] | None:
        """The value and the ERL of its field; None where there is none, empty where it is `""`.

        ``many``: the text of every repetition, with backslashes between.

        Raises `Fault` for a field that does not hold what it is to hold.
        """
        if self.constant:
            return self.constant, ""
        for path in self.paths:
            found = path.find(message, segments)
            if found is None:
                continue
            location = f"{found.segment.name}^{found.segment.number}^{path.field}"
            if found.text(path.component or 1, path.sub) == NOTHING:
                return "", location
            try:
                read = KINDS[self.kind]
                if many and self.kind == "text" and not path.condition:
                    value: Value = "\\".join(found.texts(path.component or 1, path.sub))
                else:
                    value = read(found, path.component, path.sub)
            except ValueError as error:
                raise Fault(f"{path} {error}", location=location) from None
            if self.table is not None:
                value = self.table.get(cast("str", value), "")
            if value:
                return value, location
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """An attribute and where its value may come from, best first."""

    keyword: str
    sources: tuple[Source, ...]

    @property
    def vr(self) -> str:
        """The value representation (PS3.6)."""
        return _vr(self.keyword)

    def read(self, message: Message, segments: Sequence[Segment]) -> Value | None:
        """The value in a message, None for none. Raises `Fault` for one that it cannot have."""
        for source in self.sources:
            found = source.value(message, segments, many=dictionary_VM(_tag(self.keyword)) != "1")
            if found is not None:
                return self._checked(*found)
        return None

    def _checked(self, value: Value, location: str) -> Value:
        parts = [str(each.value) for each in value] if isinstance(value, Dataset) else [value]
        if any(map(_control.search, parts)):
            raise Fault(f"{self.keyword} cannot have control characters", location=location)
        if isinstance(value, Dataset):
            return value
        if self.vr not in _MULTILINE:
            value = " ".join(value.split())
        try:
            _validate(self.keyword, self.vr, value)
        except ValueError:
            # Not its text: it tells the value, which is a patient's.
            raise Fault(
                f"{self.keyword} cannot have this value ({self.vr}, {len(value)} characters)",
                location=location,
            ) from None
        return value


def _validate(keyword: str, vr: str, value: str) -> None:
    if vr not in _MULTILINE and dictionary_VM(_tag(keyword)) == "1" and "\\" in value:
        raise ValueError("more than one value")
    for each in value.split("\\") if vr not in _MULTILINE else [value]:
        validate_value(vr, each, validation_mode=RAISE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageMapping:
    """A mapping file that was read."""

    messages: Mapping[str, str]
    controls: Mapping[str, str]
    statuses: Mapping[str, str]
    order: tuple[Path, ...]
    step: tuple[Path, ...]
    appointment: tuple[Path, ...]
    service: tuple[Path, ...]
    identifier: tuple[Path, ...]
    prior: tuple[Path, ...]
    attributes: Mapping[str, tuple[Attribute, ...]]

    def action(self, kind: str) -> str | None:
        """What is to be done with messages of a kind; None where the file does not know it."""
        return self.messages.get(kind)


def default_text() -> str:
    """The mapping that is used where a site has none of its own."""
    return files("pacs_hl7").joinpath("default.toml").read_text("utf-8")


@cache
def load_mapping(file: File | None) -> MessageMapping:
    """The mapping in ``file``, or the default one.

    Raises `ConfigurationError` with everything that is wrong.
    """
    try:
        text = default_text() if file is None else file.read_text("utf-8")
        return _Reader(tomllib.loads(text)).mapping()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"mapping {str(file)!r} cannot be read: {error}") from error
    except _Wrong as error:
        raise ConfigurationError(f"mapping {str(file or 'default')!r}: {error}") from error


class _Wrong(Exception):
    """Everything that is wrong with a file, in one line."""


class _Reader:
    """Turns the tables of a file into records, and gathers what is wrong."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self._tree = tree
        self._problems: list[str] = []
        self._tables = self._section("tables")

    def mapping(self) -> MessageMapping:
        orders, patients = self._section("orders"), self._section("patients")
        appointments = self._section("appointments")
        known = {"messages", "orders", "appointments", "patients", "tables", *_SECTIONS}
        self._problems += [f"unknown section [{name}]" for name in self._tree.keys() - known]
        mapping = MessageMapping(
            messages=self._choices("messages", self._section("messages"), ACTIONS),
            controls=self._choices("orders.control", orders.get("control", {}), CONTROLS),
            statuses=self._choices("orders.status", orders.get("status", {}), STATUSES),
            order=self._paths("orders.order", orders.get("order")),
            step=self._paths("orders.step", orders.get("step")),
            appointment=self._paths("appointments.order", appointments.get("order", _APPOINTMENT)),
            service=self._paths("appointments.step", appointments.get("step", _SERVICE)),
            identifier=self._paths("patients.identifier", patients.get("identifier")),
            prior=self._paths("patients.prior", patients.get("prior")),
            attributes={name: self._attributes(name) for name in _SECTIONS},
        )
        if self._problems:
            raise _Wrong("; ".join(self._problems))
        return mapping

    def _section(self, name: str) -> dict[str, Any]:
        section = self._tree.get(name, {})
        if isinstance(section, dict):
            return section
        self._problems.append(f"{name} is no section")
        return {}

    def _choices(self, name: str, section: Any, known: Iterable[str]) -> dict[str, str]:
        if not isinstance(section, dict):
            self._problems.append(f"[{name}] is no section")
            return {}
        for key, choice in section.items():
            if choice not in known:
                self._problems.append(f"[{name}] {key} = {choice!r}: none of {', '.join(known)}")
        return section

    def _paths(self, name: str, given: Any) -> tuple[Path, ...]:
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not texts:
            self._problems.append(f"{name} is no field path and no list of them")
            return ()
        paths = []
        for text in texts:
            try:
                paths.append(Path.parsed(str(text)))
            except ValueError as error:
                self._problems.append(f"{name}: {error}")
        return tuple(paths)

    def _attributes(self, section: str) -> tuple[Attribute, ...]:
        return tuple(
            Attribute(
                keyword=keyword, sources=self._sources(f"{section}.{keyword}", keyword, given)
            )
            for keyword, given in self._section(section).items()
            if self._is_attribute(section, keyword)
        )

    def _is_attribute(self, section: str, keyword: str) -> bool:
        tag = tag_for_keyword(keyword)
        if tag is None or keyword_for_tag(tag) != keyword:
            self._problems.append(f"[{section}] {keyword!r} is no keyword of PS3.6")
            return False
        return True

    def _sources(self, name: str, keyword: str, given: Any) -> tuple[Source, ...]:
        every = given if isinstance(given, list) else [given]
        return tuple(self._source(name, keyword, each) for each in every)

    def _source(self, name: str, keyword: str, given: Any) -> Source:
        usual = _USUAL.get(_vr(keyword), "text")
        if isinstance(given, str):
            return Source(paths=self._paths(name, given), kind=usual)
        if not isinstance(given, dict) or given.keys() - {"from", "as", "table", "constant"}:
            self._problems.append(f"{name}: write a path, or {{from, as, table}}, or {{constant}}")
            return Source()
        if "constant" in given:
            return Source(constant=str(given["constant"]))
        kind = given.get("as", usual)
        if kind not in KINDS or (kind == "code") != (usual == "code"):
            self._problems.append(f"{name}: as = {kind!r}: none of {', '.join(KINDS)}, or not here")
        table = None
        if "table" in given:
            table = self._tables.get(given["table"])
            if not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
                self._problems.append(f"{name}: there is no [tables.{given['table']}] of texts")
        return Source(paths=self._paths(name, given.get("from")), kind=kind, table=table)


_USUAL = {"DA": "date", "TM": "time", "PN": "person-name", "SQ": "code"}


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return tag


def _vr(keyword: str) -> str:
    return dictionary_VR(_tag(keyword))
