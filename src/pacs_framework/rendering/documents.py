"""Documents that are encapsulated in an instance: PDF, CDA, STL and others (PS3.3 C.24.2)."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass

from pydicom import Dataset

from pacs_framework.rendering.attributes import data_of, integer_of, text_of

__all__ = ["EncapsulatedDocument", "document_in"]

# Beside those that Python knows, which differ between versions and systems.
_SUFFIXES = {
    "application/pdf": ".pdf",
    "text/xml": ".xml",  # CDA, in capitals by the standard: text/XML
    "application/xml": ".xml",
    "model/stl": ".stl",
    "model/obj": ".obj",
    "model/mtl": ".mtl",
    "model/gltf-binary": ".glb",
    "text/plain": ".txt",
    "application/json": ".json",
    "application/zip": ".zip",
    "image/jpeg": ".jpg",
    "image/png": ".png",
}
_ANY = ".bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class EncapsulatedDocument:
    """``data`` are all bytes of it, without the one that pads it to an even length."""

    mime_type: str
    data: bytes

    @property
    def suffix(self) -> str:
        """How files of its MIME type end; ``.bin`` where nobody knows."""
        kind = self.mime_type.split(";")[0].strip().lower()
        return _SUFFIXES.get(kind) or mimetypes.guess_extension(kind) or _ANY


def document_in(header: Dataset) -> EncapsulatedDocument | None:
    """The document in a data set, None where it has none. Raises `UnreadableInstance`."""
    data = data_of(header, "EncapsulatedDocument")
    if not data:
        return None
    mime_type = text_of(header, "MIMETypeOfEncapsulatedDocument")
    length = integer_of(header, "EncapsulatedDocumentLength", default=0)
    if len(data) - 1 <= length <= len(data):
        data = data[:length]
    elif not length and mime_type.lower().startswith(("text/", "application/pdf")):
        data = data.removesuffix(b"\0")  # older instances do not tell the length
    return EncapsulatedDocument(mime_type=mime_type, data=data)
