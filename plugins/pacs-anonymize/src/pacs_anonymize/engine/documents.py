"""Encapsulated documents (PS3.3 A.45): an empty one of the same kind in their place.

A document cannot be cleaned without reading it as a person would; Encapsulated Document (0042,0011)
is type 1, so the smallest whole document that its MIME type allows says that there was one.
"""

from __future__ import annotations

__all__ = ["empty_document"]

_STL = b"empty".ljust(80) + bytes(4)  # a header of 80 bytes, and a count of no triangles
_CDA = b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>'


def _pdf() -> bytes:
    """One blank page (ISO 32000-1 7.5)."""
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
    )
    document, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(document))
        document += b"%d 0 obj" % number + content + b"endobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return document + (
        b"xref\n0 4\n0000000000 65535 f \n"
        + table
        + b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(document)
    )


_DOCUMENTS = {
    "application/pdf": _pdf(),
    "text/xml": _CDA,
    "model/stl": _STL,
    "model/obj": b"# empty\n",
    "model/mtl": b"# empty\n",
}


def empty_document(mime_type: str) -> bytes:
    """The smallest document of a MIME type; two zero bytes for a type that is not known here."""
    return _DOCUMENTS.get(mime_type.strip().lower(), bytes(2))
