"""The codecs of this plugin: one for each transfer syntax and library.

pydicom knows several libraries for one transfer syntax ("decoding plugins"); each is a codec here,
so that the archive can ask the next one where one fails.
"""

from __future__ import annotations

from pydicom import uid

from pacs_codecs_pylibjpeg.jpeg_2000 import Jpeg2000Codec
from pacs_codecs_pylibjpeg.jpeg_ls import JpegLsCodec
from pacs_codecs_pylibjpeg.libraries import Library, installed
from pacs_codecs_pylibjpeg.pydicom_codec import PydicomCodec

__all__ = ["PydicomCodec", "available"]

# Where more is to be done than to ask pydicom.
_OF_THEIR_OWN: dict[str, type[PydicomCodec]] = {
    "openjpeg": Jpeg2000Codec,
    "jpeg_ls": JpegLsCodec,
}


def available() -> list[PydicomCodec]:
    """A codec for each transfer syntax of each library that is installed."""
    return [
        _codec(syntax, library)
        for library in installed()
        for syntax in dict.fromkeys((*library.decodes, *library.encodes))
    ]


def _codec(syntax: uid.UID, library: Library) -> PydicomCodec:
    return _OF_THEIR_OWN.get(library.module, PydicomCodec)(syntax, library)
