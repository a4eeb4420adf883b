"""The Native DICOM Model in XML (PS3.19 A.1) turned into DICOM JSON, for what others send.

Read by expat as it comes, without a tree. A document type is refused: nothing here needs one, and
entities are how a small document becomes a large one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from pacs_dicomweb.model.xml_writing import NAMESPACE
from pacs_framework.dicom.depth import DEPTH_LIMIT
from pacs_framework.errors import UnreadableInstance

__all__ = ["json_of_xml"]

_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_NUMBERS = frozenset({"FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"})
_DEEPEST = 3 * DEPTH_LIMIT + 8
_MOST_VALUES = 1 << 20
_PREFIX = NAMESPACE + " "


def json_of_xml(document: bytes) -> dict[str, Any]:
    """One data set as objects of DICOM JSON, for `pacs_dicomweb.model.reading.dataset_of`.

    Raises `UnreadableInstance`.
    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text.append
    parser.StartDoctypeDeclHandler = _no_document_type
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        cause = expat.ErrorString(error.code)
        raise UnreadableInstance(f"no XML that can be read, line {error.lineno}: {cause}") from None
    return reader.root


def _no_document_type(*_: object) -> None:
    raise UnreadableInstance("an XML document with a document type is not read")


class _Reader:
    """The open elements, each with what it puts together."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self.text: list[str] = []
        self._open: list[tuple[str, Any]] = []
        self._starts: dict[str, Callable[[dict[str, str]], Any]] = {
            "DicomAttribute": self._attribute,
            "Item": self._item,
            "PersonName": self._person_name,
        }

    def start(self, name: str, attributes: dict[str, str]) -> None:
        plain = name.removeprefix(_PREFIX)
        if len(self._open) > _DEEPEST:
            raise UnreadableInstance(f"sequences are nested more than {DEPTH_LIMIT} levels deep")
        if not self._open:
            if plain != "NativeDicomModel":
                raise UnreadableInstance("the XML is no NativeDicomModel (PS3.19 A.1)")
            made: Any = self.root
        elif plain in self._starts:
            made = self._starts[plain](attributes)
        elif plain == "BulkData":
            self._of("DicomAttribute")["BulkDataURI"] = attributes.get("uri") or ""
            made = None
        elif plain in _GROUPS:
            made = {}
        else:
            made = attributes
        self._open.append((plain, made))
        self.text.clear()

    def end(self, _name: str) -> None:
        plain, made = self._open.pop()
        text = "".join(self.text)
        self.text.clear()
        if plain == "Value":
            attribute = self._of("DicomAttribute")
            _put(attribute.setdefault("Value", []), made, _typed(attribute["vr"], text))
        elif plain == "InlineBinary":
            self._of("DicomAttribute")["InlineBinary"] = "".join(text.split())
        elif plain in _COMPONENTS:
            self._open[-1][1][plain] = text
        elif plain in _GROUPS:
            parts = [made.get(component, "") for component in _COMPONENTS]
            self._of("PersonName")[plain] = "^".join(parts).rstrip("^")

    def _of(self, name: str) -> dict[str, Any]:
        """What the innermost open element holds, which must be one of ``name``."""
        if not self._open or self._open[-1][0] != name:
            raise UnreadableInstance(f"XML: an element is not inside of {name}, where it belongs")
        held: dict[str, Any] = self._open[-1][1]
        return held

    def _attribute(self, attributes: dict[str, str]) -> dict[str, Any]:
        if self._open[-1][0] not in {"NativeDicomModel", "Item"}:
            raise UnreadableInstance("XML: a DicomAttribute belongs into the model or an Item")
        tag, vr = attributes.get("tag", ""), attributes.get("vr", "")
        made: dict[str, Any] = {"vr": vr}
        self._open[-1][1][_resolved(tag, attributes.get("privateCreator"), self._open[-1][1])] = (
            made
        )
        return made

    def _item(self, attributes: dict[str, str]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        _put(self._of("DicomAttribute").setdefault("Value", []), attributes, made)
        return made

    def _person_name(self, attributes: dict[str, str]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        _put(self._of("DicomAttribute").setdefault("Value", []), attributes, made)
        return made


def _put(values: list[Any], attributes: dict[str, str], value: Any) -> None:
    """Put a value where its number says; numbers that are left out are empty values."""
    try:
        number = int(attributes["number"])
    except (KeyError, ValueError):
        raise UnreadableInstance("XML: a value without its number") from None
    if not len(values) < number <= _MOST_VALUES:
        raise UnreadableInstance("XML: the numbers of values do not rise from 1")
    values.extend([None] * (number - 1 - len(values)))
    values.append(value)


def _typed(vr: str, text: str) -> Any:
    if not text:
        return None
    try:
        return (float(text) if vr in {"FD", "FL"} else int(text)) if vr in _NUMBERS else text
    except ValueError:
        raise UnreadableInstance(f"XML: no value of VR {vr[:2]!r}") from None


def _resolved(tag: str, creator: str | None, dataset: dict[str, Any]) -> str:
    """The tag; of a private one whose block is left open (``ggggxxee``) in the creator's block."""
    if creator is None or tag[4:6].lower() not in {"00", "xx"}:
        return tag
    group = tag[:4]
    for name, held in dataset.items():
        if name[:6] == group + "00" and held.get("Value") == [creator]:
            return group + name[6:] + tag[6:]
    taken = {name[6:].upper() for name in dataset if name[:6] == group + "00"}
    free = next(f"{block:02X}" for block in range(0x10, 0x100) if f"{block:02X}" not in taken)
    dataset[f"{group}00{free}"] = {"vr": "LO", "Value": [creator]}
    return group + free + tag[6:]
