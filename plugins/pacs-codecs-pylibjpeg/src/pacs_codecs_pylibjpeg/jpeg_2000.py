"""JPEG 2000 and HTJ2K by pylibjpeg-openjpeg, which is called itself to encode with loss."""

from __future__ import annotations

from dataclasses import replace

from pydicom import uid

from pacs_codecs_pylibjpeg.libraries import Library
from pacs_codecs_pylibjpeg.pydicom_codec import (
    LEAST_JPEG_2000,
    NOT_OF_THE_FRAME,
    PydicomCodec,
)
from pacs_codecs_pylibjpeg.samples import clipped, narrowed, with_sign
from pacs_codecs_pylibjpeg.sizes import check_jpeg_2000, is_irreversible
from pacs_framework.codecs.codec import Buffer, Frame
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["Jpeg2000Codec"]

_SHADED = frozenset(("MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL"))
_SRGB = 1  # the library's number for what gets a transformation of colour
_TIGHTER = (1.0, 1.02, 1.1, 1.3)  # the library takes a ratio for its aim, headers come on top


class Jpeg2000Codec(PydicomCodec):
    """Decodes by pydicom. What the code stream says of the sign is held to the header."""

    def __init__(self, syntax: uid.UID, library: Library) -> None:
        super().__init__(syntax, library)
        if syntax == uid.JPEG2000:
            self.measures = frozenset((Measure.QUALITY, Measure.RATIO))

    def can_encode_lossy(self, pixels: PixelFormat, loss: Loss) -> bool:
        """Colour pixel by pixel, in a frame that has room for the resolutions."""
        return (
            loss.measure in self.measures
            and pixels.photometric_interpretation in _SHADED
            and not (pixels.samples_per_pixel > 1 and pixels.planar_configuration)
            and pixels.bits_allocated <= 16
            and min(pixels.rows, pixels.columns) >= LEAST_JPEG_2000
        )

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        """With the sign that the header says, and within Bits Stored after a loss."""
        from pydicom.pixels.utils import get_j2k_parameters  # noqa: PLC0415 - slow to import

        check_jpeg_2000(frame, pixels)
        decoded = super().decode(frame, pixels)
        told = get_j2k_parameters(bytes(frame))
        if not told:
            return decoded
        if bool(told["is_signed"]) != pixels.signed:
            decoded = with_sign(decoded, min(told["precision"], pixels.bits_allocated))
        overshoots = told["precision"] > pixels.bits_stored and is_irreversible(frame)
        return clipped(decoded) if overshoots else decoded

    def encode_lossy(self, frame: Frame, loss: Loss) -> Frame:
        """With so many dB of signal to noise, or so much smaller; RGB becomes YBR_ICT."""
        pixels = frame.pixels
        colour = pixels.photometric_interpretation
        told = replace(pixels, photometric_interpretation="YBR_ICT" if colour == "RGB" else colour)
        if loss.measure is Measure.QUALITY:
            return Frame(self._encoded(frame, decibels=[loss.amount]), told)
        # The library counts the bits that are stored, the header those that are allocated.
        ratio = loss.amount * pixels.bits_stored / pixels.bits_allocated
        for tighter in _TIGHTER:
            data = self._encoded(frame, ratios=[max(1.0, tighter * ratio)])
            if len(data) * loss.amount <= pixels.frame_bytes:
                return Frame(data, told)
        raise UnreadableInstance(f"{self.name} does not reach a ratio of {loss.amount:g}")

    def _encoded(
        self,
        frame: Frame,
        *,
        decibels: list[float] | None = None,
        ratios: list[float] | None = None,
    ) -> bytes:
        # Not above: an archive that starts does not wait for it.
        from openjpeg.utils import encode_buffer  # noqa: PLC0415

        pixels = frame.pixels
        try:
            return bytes(
                encode_buffer(
                    narrowed(frame),
                    pixels.columns,
                    pixels.rows,
                    pixels.samples_per_pixel,
                    pixels.bits_stored,
                    pixels.signed,
                    photometric_interpretation=(
                        _SRGB if pixels.photometric_interpretation == "RGB" else 0
                    ),
                    signal_noise_ratios=decibels,
                    compression_ratios=ratios,
                )
            )
        except (*NOT_OF_THE_FRAME, UnreadableInstance):
            raise
        except BaseException as error:
            raise self.failure(error) from error
