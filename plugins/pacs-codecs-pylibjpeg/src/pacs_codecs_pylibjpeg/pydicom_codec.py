"""A codec of the kernel's contract made from pydicom's decoders and encoders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydicom import uid
from pydicom.encaps import encapsulate

from pacs_codecs_pylibjpeg.libraries import Library
from pacs_codecs_pylibjpeg.samples import clipped
from pacs_framework.codecs.codec import Buffer, Codec, Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["LEAST_JPEG_2000", "NOT_OF_THE_FRAME", "PydicomCodec"]

NOT_OF_THE_FRAME = (KeyboardInterrupt, SystemExit, MemoryError)
"""What a library raises that says nothing of the pixel data."""

LEAST_JPEG_2000 = 32
"""Rows and columns that OpenJPEG needs for its six resolutions."""

_LONGEST_MESSAGE = 200
_ADOBE = b"\xff\xee\x00\x0eAdobe"
_HEADER = 1 << 16  # bytes of a frame that are searched for a marker
# With loss, and a precision of the compressed image that may be more than Bits Stored.
_OVERSHOOTING = frozenset((uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLSNearLossless))
_PILLOW_12_BIT = (uid.JPEGExtended12Bit, "pillow")


class PydicomCodec(Codec):
    """One transfer syntax by one of the libraries that pydicom knows."""

    def __init__(self, syntax: uid.UID, library: Library) -> None:
        self.transfer_syntax = str(syntax)
        self.name = library.name
        self.cost = library.cost
        self.decodes = syntax in library.decodes
        self.encodes = syntax in library.encodes
        self._syntax = syntax

    def can_decode(self, pixels: PixelFormat) -> bool:
        """All but 12 bits by Pillow, and less than 8 by GDCM, which aborts over them."""
        pillow_cannot = (self._syntax, self.name) == _PILLOW_12_BIT and pixels.bits_stored > 8
        gdcm_cannot = self.name == "gdcm" and pixels.bits_stored < 8
        return self.decodes and not pillow_cannot and not gdcm_cannot

    def can_encode(self, pixels: PixelFormat) -> bool:
        """Colour pixel by pixel, unsigned; JPEG 2000 needs room for its six resolutions."""
        odd_colour = pixels.samples_per_pixel > 1 and (pixels.signed or pixels.planar_configuration)
        if not self.encodes or odd_colour:
            return False
        small = min(pixels.rows, pixels.columns) < LEAST_JPEG_2000
        return not (small and self._syntax in uid.JPEG2000TransferSyntaxes)

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        """By pydicom, widened to the bits that are allocated where a library gives fewer."""
        # Not above, nor in `encode`: half a second that an archive needs with its first image.
        from pydicom.pixels.decoders.base import get_decoder  # noqa: PLC0415

        try:
            data, told = get_decoder(self._syntax).as_buffer(
                encapsulate([bytes(frame)], has_bot=False),
                index=0,
                decoding_plugin=self.name,
                **_options(pixels),
            )
        except NOT_OF_THE_FRAME:
            raise
        except BaseException as error:  # also the panics of libraries in Rust
            raise self.failure(error) from error
        if self.name == "pillow" and _says_ycc(frame):
            told["photometric_interpretation"] = "RGB"  # it has converted, whatever pydicom tells
        made = _as_asked(data, told, pixels)
        overshoots = self._syntax in _OVERSHOOTING and not pixels.signed
        return clipped(made) if overshoots and pixels.bits_stored < pixels.bits_allocated else made

    def encode(self, frame: Frame) -> Frame:
        """By pydicom; colour stays as it is, without a transformation."""
        from pydicom.pixels.encoders.base import get_encoder  # noqa: PLC0415

        try:
            data = get_encoder(self._syntax).encode(
                bytes(frame.data), index=0, encoding_plugin=self.name, **_options(frame.pixels)
            )
        except NOT_OF_THE_FRAME:
            raise
        except BaseException as error:  # also the panics of libraries in Rust
            raise self.failure(error) from error
        return Frame(data, frame.pixels)

    def failure(self, error: BaseException) -> UnreadableInstance:
        """Libraries raise anything; what they say is about the pixel data alone."""
        message = " ".join(str(error).split())[:_LONGEST_MESSAGE]
        return UnreadableInstance(f"{self.name}: {type(error).__name__}: {message}")


def _says_ycc(frame: Buffer) -> bool:
    """Whether an Adobe marker (ITU-T T.872 6.5.3) says YCbCr; Pillow makes RGB of that."""
    start = bytes(frame[:_HEADER])
    at = start.find(_ADOBE)
    return at >= 0 and start[at + len(_ADOBE) + 6 : at + len(_ADOBE) + 7] == b"\1"


def _options(pixels: PixelFormat) -> dict[str, Any]:
    options: dict[str, Any] = {
        "rows": pixels.rows,
        "columns": pixels.columns,
        "number_of_frames": 1,
        "samples_per_pixel": pixels.samples_per_pixel,
        "photometric_interpretation": pixels.photometric_interpretation,
        "bits_allocated": pixels.bits_allocated,
        "bits_stored": pixels.bits_stored,
        "pixel_representation": int(pixels.signed),
        "pixel_keyword": "PixelData",
    }
    if pixels.samples_per_pixel > 1:
        options["planar_configuration"] = pixels.planar_configuration
    return options


def _as_asked(data: Buffer, told: dict[str, Any], pixels: PixelFormat) -> Frame:
    """The decoded frame in the bits that ``pixels`` allocates."""
    bits = int(told["bits_allocated"])
    if bits > pixels.bits_allocated:
        raise UnreadableInstance(f"samples of {bits} bits, {pixels.bits_allocated} are allocated")
    if bits < pixels.bits_allocated:
        data = _widened(data, bits, pixels)
    return Frame(
        data[: pixels.frame_bytes],
        replace(
            pixels,
            photometric_interpretation=_full(str(told["photometric_interpretation"])),
            planar_configuration=int(told.get("planar_configuration", 0)),
        ),
    )


def _widened(data: Buffer, bits: int, pixels: PixelFormat) -> bytes:
    import numpy as np  # noqa: PLC0415 - as with the decoders

    kind = "i" if pixels.signed else "u"
    samples = np.frombuffer(data, dtype=f"<{kind}{bits // 8}")
    return samples.astype(f"<{kind}{pixels.bits_allocated // 8}").tobytes()


def _full(photometric_interpretation: str) -> str:
    """Decoders give a colour sample for every pixel, also where the image has one for two."""
    return (
        "YBR_FULL" if photometric_interpretation == "YBR_FULL_422" else photometric_interpretation
    )
