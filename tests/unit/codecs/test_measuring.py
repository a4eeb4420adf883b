"""What codecs cost is measured with a frame that they themselves encode."""

from __future__ import annotations

import sys
from pathlib import Path
from time import process_time

import pytest
from click.testing import CliRunner

from pacs_framework.cli import codecs as command
from pacs_framework.cli.main import main
from pacs_framework.codecs.codec import Buffer, Frame
from pacs_framework.codecs.loss import Loss
from pacs_framework.codecs.measuring import measured
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.errors import UnreadableInstance

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import NEAR, RLE, SYNTAX, Dimming, Mirror


class Slow(Mirror):
    """Decodes only, and takes its time."""

    encodes = False

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        until = process_time() + 0.02
        while process_time() < until:
            pass
        return super().decode(frame, pixels)


class Broken(Mirror):
    def encode(self, frame: Frame) -> Frame:
        raise UnreadableInstance("broken")

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        raise UnreadableInstance("broken")


class LossyOnly(Dimming):
    encodes = False

    def can_encode_lossy(self, pixels: PixelFormat, loss: Loss) -> bool:
        return pixels.bits_allocated == 8 and super().can_encode_lossy(pixels, loss)


@pytest.fixture
def registry() -> CodecRegistry:
    made = CodecRegistry()
    made.add([Slow(cost=0.5), Broken(cost=0.7)], plugin="one")
    made.add([Mirror(), LossyOnly(NEAR), Slow(RLE)], plugin="other")
    return made


def test_all_codecs_of_a_syntax_are_measured_in_the_order_of_asking(
    registry: CodecRegistry,
) -> None:
    """Whoever encodes it; what fails or is not offered has no time. Nobody encodes the RLE here."""
    rows = [row for row in measured(registry) if row.provided.codec.transfer_syntax == SYNTAX]
    slow, broken, mirror = rows
    assert [row.asked for row in rows] == [1, 2, 3]
    assert slow.decode_seconds is not None
    assert slow.decode_seconds >= 0.02
    assert slow.encode_seconds is None
    assert (broken.decode_seconds, broken.encode_seconds) == (None, None)
    assert mirror.decode_seconds is not None
    assert mirror.encode_seconds is not None
    assert mirror.decode_seconds < slow.decode_seconds
    assert mirror.frame_bytes == 512 * 512 * 2


def test_what_is_only_encoded_with_loss_is_measured_with_pixels_that_it_takes(
    registry: CodecRegistry,
) -> None:
    lossy, *others = measured(registry)
    assert RLE not in {row.provided.codec.transfer_syntax for row in others}
    assert lossy.provided.codec.transfer_syntax == NEAR
    assert lossy.frame_bytes == 512 * 512
    assert lossy.encode_seconds is not None
    assert lossy.decode_seconds is not None


def test_pacs_codecs_tells_it(registry: CodecRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command.ArchiveChoice, "configured", lambda _: Configured(registry))
    done = CliRunner().invoke(main, ["codecs", "--measure"])
    assert done.exit_code == 0, done.output
    assert "DECODE MS" in done.output
    lines = done.output.splitlines()
    first, second, _ = [line.split() for line in lines if "(Lossless Only)" in line]
    assert float(first[-2]) >= 20
    assert (first[-1], second[-2:]) == ("–", ["–", "–"])


class Configured:
    """As much of a configuration as the command asks for."""

    def __init__(self, registry: CodecRegistry) -> None:
        self.codec_registry = lambda: registry
