"""A decoder that crashes, hangs or takes all memory harms its own image only."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.isolated import IsolatedCodecs
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.errors import UnreadableInstance

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import NEAR, SYNTAX, Dimming, Fragile, Mirror, mirrored

HERE = str(Path(__file__).parent)
PIXELS = PixelFormat(rows=2, columns=3, bits_allocated=16, bits_stored=12)
NATIVE = bytes(range(12))


@pytest.fixture
def codecs(monkeypatch: pytest.MonkeyPatch) -> Iterator[IsolatedCodecs]:
    # The process imports the codec's module, which a plugin would have installed.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")]))
    registry = CodecRegistry()
    registry.add([Mirror()], plugin="test")
    made = IsolatedCodecs(registry, most=2, seconds=20)
    yield made
    made.close()


def decode(codecs: IsolatedCodecs, data: bytes = b"") -> bytes:
    return bytes(codecs.decode(data or mirrored(NATIVE), SYNTAX, PIXELS).data)


def test_frames_are_decoded_and_failures_told(codecs: IsolatedCodecs) -> None:
    assert codecs.decodes(SYNTAX)
    assert decode(codecs) == NATIVE
    with pytest.raises(UnreadableInstance, match="mirror: a bad frame"):
        decode(codecs, b"bad")
    assert decode(codecs) == NATIVE


def test_frames_are_encoded_too(codecs: IsolatedCodecs) -> None:
    assert codecs.encodes(SYNTAX)
    assert not codecs.encodes("1.2.3")
    encoded = codecs.encode(Frame(NATIVE, PIXELS), SYNTAX)
    assert (encoded.data, encoded.pixels) == (mirrored(NATIVE), PIXELS)
    with pytest.raises(UnreadableInstance, match="no codec encodes"):
        codecs.encode(Frame(NATIVE, PIXELS), "1.2.3")


def test_an_encoder_that_dies_is_replaced(codecs: IsolatedCodecs) -> None:
    with pytest.raises(UnreadableInstance, match="the encoder was lost: it died by SIGSEGV"):
        codecs.encode(Frame(b"die", PIXELS), SYNTAX)
    assert codecs.encode(Frame(NATIVE, PIXELS), SYNTAX).data == mirrored(NATIVE)


@pytest.mark.parametrize(
    ("frame", "told"), [(b"die", "SIGSEGV"), (b"eat", "more memory than a decoder may have")]
)
def test_a_decoder_that_dies_is_replaced(codecs: IsolatedCodecs, frame: bytes, told: str) -> None:
    with pytest.raises(UnreadableInstance, match=told):
        decode(codecs, frame)
    assert decode(codecs) == NATIVE


def test_where_the_second_dies_what_the_first_said_is_told_too(codecs: IsolatedCodecs) -> None:
    """And of no later frame."""
    codecs._registry.add([Fragile()], plugin="other")
    told = "^mirror: a bad frame; then the decoder was lost: it died by SIGSEGV$"
    with pytest.raises(UnreadableInstance, match=told):
        decode(codecs, b"bad")
    assert decode(codecs) == NATIVE
    with pytest.raises(UnreadableInstance, match=r"^the decoder was lost"):
        decode(codecs, b"die")


def test_a_decoder_that_hangs_is_ended(codecs: IsolatedCodecs) -> None:
    assert decode(codecs) == NATIVE  # started: what follows measures the frame alone
    codecs._seconds = 0.3
    with pytest.raises(UnreadableInstance, match=r"more than 0\.3 s"):
        decode(codecs, b"hang")
    codecs._seconds = 20
    assert decode(codecs) == NATIVE


def test_many_threads_share_a_few_processes(codecs: IsolatedCodecs) -> None:
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(decode(codecs))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [NATIVE] * 12
    assert 1 <= len(codecs._idle) <= 2


def test_a_large_frame_passes_both_ways(codecs: IsolatedCodecs) -> None:
    """Larger than any pipe."""
    large = PixelFormat(rows=1024, columns=1024, bits_allocated=16, bits_stored=16)
    native = os.urandom(large.frame_bytes)
    assert codecs.decode(mirrored(native), SYNTAX, large).data == native


def test_close_ends_every_process(codecs: IsolatedCodecs) -> None:
    decode(codecs)
    (worker,) = codecs._idle
    codecs.close()
    assert worker._process.returncode == 0


def test_a_loss_goes_to_the_process_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")]))
    registry = CodecRegistry()
    registry.add([Dimming(NEAR)], plugin="test")
    with closing(IsolatedCodecs(registry, seconds=20)) as codecs:
        assert codecs.encodes_lossy(NEAR, Measure.NEAR)
        assert not codecs.encodes_lossy(NEAR, Measure.RATIO)
        made = codecs.encode_lossy(Frame(NATIVE, PIXELS), NEAR, Loss(Measure.NEAR, 1))
        assert bytes(made.data) == mirrored(bytes(byte & 0xFE for byte in NATIVE))
        with pytest.raises(UnreadableInstance, match="with ratio 2"):
            codecs.encode_lossy(Frame(NATIVE, PIXELS), NEAR, Loss(Measure.RATIO, 2))
