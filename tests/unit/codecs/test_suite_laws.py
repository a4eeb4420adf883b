"""The contract suite finds codecs out that lose more than they say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pacs_framework.codecs.codec import Codec, Frame
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.testing.suites.codec import CodecSuite

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import NEAR, RLE, Mirror


class Lossy(Mirror):
    """Keeps the laws: it loses nothing, or all where quality is low."""

    measures = frozenset(Measure)

    def can_encode_lossy(self, pixels: PixelFormat, loss: Loss) -> bool:
        return pixels.photometric_interpretation != "PALETTE COLOR"

    def encode_lossy(self, frame: Frame, loss: Loss) -> Frame:
        data = bytes(frame.data)
        if loss.measure is Measure.RATIO:
            return Frame(data[: max(1, int(len(data) / loss.amount))], frame.pixels)
        if loss.measure is Measure.QUALITY and loss.amount < 60:
            data = bytes(len(data))
        return self.encode(Frame(data, frame.pixels))

    def decode(self, frame: object, pixels: PixelFormat) -> Frame:
        found = super().decode(frame, pixels)
        return Frame(bytes(found.data).ljust(pixels.frame_bytes, b"\0"), pixels)


class Nudging(Lossy):
    def encode_lossy(self, frame: Frame, loss: Loss) -> Frame:
        return self.encode(Frame(bytes(len(frame.data)), frame.pixels))


class Growing(Lossy):
    def encode_lossy(self, frame: Frame, loss: Loss) -> Frame:
        return self.encode(frame)


class Upside(Lossy):
    """Worse with more quality."""

    def encode_lossy(self, frame: Frame, loss: Loss) -> Frame:
        return super().encode_lossy(frame, Loss(Measure.QUALITY, 101 - loss.amount))


class Palettes(Lossy):
    def can_encode_lossy(self, pixels: PixelFormat, loss: Loss) -> bool:
        return True


class Silent(Lossy):
    """Promises what it does not say that it measures."""

    measures = frozenset((Measure.RATIO,))


LAWS = {
    "test_a_loss_that_is_near_is_never_larger": Nudging(NEAR),
    "test_a_ratio_is_reached": Growing(NEAR),
    "test_much_more_quality_is_better": Upside(NEAR),
    "test_a_frame_encoded_with_loss_is_one_that_the_standard_knows": Palettes(NEAR),
    "test_a_codec_that_encodes_without_loss_only_promises_no_other": Silent(NEAR),
}


@pytest.mark.parametrize("law", LAWS)
def test_a_codec_that_breaks_a_law_of_loss_fails_at_it(law: str) -> None:
    """And one that keeps it does not."""

    def hold(codec: Codec) -> None:
        getattr(CodecSuite(), law)([codec])

    hold(Lossy(NEAR))
    with pytest.raises(AssertionError):
        hold(LAWS[law])


def test_no_loss_is_promised_for_a_syntax_that_has_none() -> None:
    with pytest.raises(AssertionError):
        CodecSuite().test_a_codec_that_encodes_without_loss_only_promises_no_other([Lossy(RLE)])
