"""JPEG-LS by pyjpegls (CharLS), which pydicom calls to decode and is called itself to encode."""

from __future__ import annotations

from dataclasses import replace

from pydicom import uid

from pacs_codecs_pylibjpeg.libraries import Library
from pacs_codecs_pylibjpeg.pydicom_codec import NOT_OF_THE_FRAME, PydicomCodec
from pacs_codecs_pylibjpeg.samples import bit_patterns, with_sign
from pacs_codecs_pylibjpeg.sizes import check_jpeg_ls
from pacs_framework.codecs.codec import Buffer, Frame
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat

__all__ = ["JpegLsCodec"]

_LEAST_BITS = 2
_LEAST_BYTES = 256
_BY_PIXEL = 2  # interleave mode, ISO/IEC 14495-1 C.2.3
_SHADED = frozenset(("MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL"))


class JpegLsCodec(PydicomCodec):
    """In as many bits as are stored; JPEG-LS knows no sign, the header of the instance does."""

    def __init__(self, syntax: uid.UID, library: Library) -> None:
        super().__init__(syntax, library)
        self.encodes = syntax == uid.JPEGLSLossless
        if syntax == uid.JPEGLSNearLossless:
            self.measures = frozenset((Measure.NEAR,))

    def can_encode(self, pixels: PixelFormat) -> bool:
        """Colour pixel by pixel, and with the room that the library takes."""
        return self.encodes and _fits(pixels)

    def can_encode_lossy(self, pixels: PixelFormat, loss: Loss) -> bool:
        """Unsigned: at the ends of the range of signed samples a loss would turn the sign."""
        range_of_samples = (1 << pixels.bits_stored) - 1
        return (
            loss.measure in self.measures
            and _fits(pixels)
            and not pixels.signed
            and pixels.photometric_interpretation in _SHADED
            and loss.amount <= range_of_samples // 2
        )

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        """Negative samples of fewer bits than are allocated come back without their sign."""
        check_jpeg_ls(frame, pixels)
        decoded = super().decode(frame, pixels)
        if pixels.signed and pixels.bits_stored < pixels.bits_allocated:
            return with_sign(decoded, pixels.bits_stored)
        return decoded

    def encode(self, frame: Frame) -> Frame:
        """Without loss, and without a transformation of colour."""
        return self._encoded(frame, near=0)

    def encode_lossy(self, frame: Frame, loss: Loss) -> Frame:
        """With no sample further from what it was than the loss says."""
        return self._encoded(frame, near=int(loss.amount))

    def _encoded(self, frame: Frame, *, near: int) -> Frame:
        # Not above: an archive that starts does not wait for it.
        import jpeg_ls  # type: ignore[import-untyped]  # noqa: PLC0415

        pixels = frame.pixels
        patterns = bit_patterns(frame)
        try:
            data = jpeg_ls.encode_buffer(
                patterns,
                pixels.rows,
                pixels.columns,
                pixels.samples_per_pixel,
                pixels.bits_stored,
                lossy_error=near,
                interleave_mode=_BY_PIXEL,
            )
        except NOT_OF_THE_FRAME:
            raise
        except BaseException as error:
            raise self.failure(error) from error
        return Frame(bytes(data), replace(pixels, planar_configuration=0))


def _fits(pixels: PixelFormat) -> bool:
    """The library makes room for twice the bytes of a frame: too little for a tiny one."""
    bytes_of_samples = pixels.frame_bytes // (pixels.bits_allocated // 8)
    if pixels.bits_stored > 8:
        bytes_of_samples *= 2
    return (
        bytes_of_samples >= _LEAST_BYTES
        and pixels.bits_allocated <= 16
        and pixels.bits_stored >= _LEAST_BITS
        and not (pixels.samples_per_pixel > 1 and pixels.planar_configuration)
    )
