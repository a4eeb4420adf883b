"""The Native DICOM Model in XML (PS3.19 A.1), from what DICOM JSON says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pydicom.datadict import keyword_for_tag

__all__ = ["NAMESPACE", "xml_document"]

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"

_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
# What XML 1.0 has no character for, not even as a reference, becomes U+FFFD.
_NO_XML = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF], "\ufffd")


def xml_document(dataset: Mapping[str, Any]) -> bytes:
    """The whole document for one data set, as `json.loads` gave it from DICOM JSON."""
    pieces = [
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">',
        *_attributes(dataset),
        "</NativeDicomModel>\n",
    ]
    return "".join(pieces).encode()


def _attributes(dataset: Mapping[str, Any]) -> Iterator[str]:
    creators: dict[str, str] = {}
    for tag, attribute in dataset.items():
        values = attribute.get("Value", ())
        if int(tag, 16) & 0x10000 and tag[4:6] == "00":
            creators[tag[:4] + tag[6:]] = str(values[0]) if values else ""
        yield _start(tag, attribute["vr"], creators)
        yield from _value(attribute)
        yield "</DicomAttribute>"


def _start(tag: str, vr: str, creators: Mapping[str, str]) -> str:
    number = int(tag, 16)
    keyword = "" if number & 0x10000 else keyword_for_tag(number)
    creator = creators.get(tag[:6], "") if number & 0x10000 else ""
    named = f' keyword="{keyword}"' if keyword else ""
    owned = f" privateCreator={quoteattr(_clean(creator))}" if creator else ""
    return f'<DicomAttribute tag="{tag}" vr="{vr}"{named}{owned}>'


def _value(attribute: Mapping[str, Any]) -> Iterator[str]:
    if "BulkDataURI" in attribute:
        yield f"<BulkData uri={quoteattr(attribute['BulkDataURI'])}/>"
    elif "InlineBinary" in attribute:
        yield f"<InlineBinary>{attribute['InlineBinary']}</InlineBinary>"
    else:
        yield from _values(attribute["vr"], attribute.get("Value", ()))


def _values(vr: str, values: Iterable[Any]) -> Iterator[str]:
    for number, value in enumerate(values, 1):
        if vr == "SQ":
            yield f'<Item number="{number}">'
            yield from _attributes(value)
            yield "</Item>"
        elif vr == "PN":
            yield f'<PersonName number="{number}">'
            yield from _person_name(value or {})
            yield "</PersonName>"
        else:
            text = "" if value is None else _text(str(value))
            yield f'<Value number="{number}">{text}</Value>'


def _person_name(name: Mapping[str, str]) -> Iterator[str]:
    for group in _GROUPS:
        if name.get(group):
            parts = zip(_COMPONENTS, name[group].split("^"), strict=False)
            inner = "".join(f"<{n}>{_text(part)}</{n}>" for n, part in parts if part)
            yield f"<{group}>{inner}</{group}>"


def _text(text: str) -> str:
    """Character data; a carriage return in plain would come back as a line feed."""
    return escape(_clean(text), {"\r": "&#13;"})


def _clean(text: str) -> str:
    return text.translate(_NO_XML)
