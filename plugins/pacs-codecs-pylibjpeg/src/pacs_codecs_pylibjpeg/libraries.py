"""The libraries that pydicom calls, which of them are installed, and what each can do.

Known without importing them: an archive that starts should not wait for decoders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from pydicom import uid

__all__ = ["Library", "installed"]

_JPEG = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit)
_JPEG_LOSSLESS = (uid.JPEGLossless, uid.JPEGLosslessSV1)
_JPEG_LS = (uid.JPEGLSLossless, uid.JPEGLSNearLossless)
_JPEG_2000 = (uid.JPEG2000Lossless, uid.JPEG2000)
_HTJ2K = (uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K)


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A library as pydicom names it, and the module that must be there for these syntaxes.

    ``cost`` compares libraries of one transfer syntax.
    """

    name: str
    module: str
    decodes: tuple[uid.UID, ...]
    encodes: tuple[uid.UID, ...] = ()
    cost: float = 1.0


_LIBRARIES = (
    Library(
        name="pylibjpeg",
        module="openjpeg",
        decodes=(*_JPEG_2000, *_HTJ2K),
        encodes=(uid.JPEG2000Lossless,),
    ),
    Library(
        name="pylibjpeg",
        module="rle",
        decodes=(uid.RLELossless,),
        encodes=(uid.RLELossless,),
    ),
    # It encodes too, but as pydicom calls it, not what is longer compressed than it was before.
    Library(name="pyjpegls", module="jpeg_ls", decodes=_JPEG_LS),
    Library(name="pillow", module="PIL", decodes=_JPEG),
    # For what nothing else decodes here: it aborts its process for some damaged JPEG-LS frames.
    Library(name="gdcm", module="gdcm", decodes=_JPEG_LOSSLESS),
    Library(
        name="pylibjpeg",
        module="libjpeg",
        decodes=(*_JPEG, *_JPEG_LOSSLESS, *_JPEG_LS),
        cost=3.0,
    ),
    Library(
        name="pydicom",
        module="pydicom",
        decodes=(uid.RLELossless,),
        encodes=(uid.RLELossless,),
        cost=8.0,
    ),
)


def installed() -> Iterator[Library]:
    """The libraries whose modules can be found."""
    return (library for library in _LIBRARIES if find_spec(library.module) is not None)
