"""The laws of codecs: inherit `CodecSuite` and give the fixture ``codecs``.

::

    class TestMyCodecs(CodecSuite):
        @pytest.fixture
        def codecs(self):
            return my_package.codecs()

Frames to decode are encoded by the codecs themselves and, for transfer syntaxes that they do not
encode, come from pydicom's test files.
"""

from __future__ import annotations

import math
import pickle
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import lru_cache
from itertools import combinations, islice, product
from pathlib import Path

import pydicom.data
import pytest

from pacs_framework.codecs.codec import Buffer, Codec, Frame
from pacs_framework.codecs.comparing import largest_difference, same_kind, same_samples, samples_of
from pacs_framework.codecs.image import CompressedImage, read_image
from pacs_framework.codecs.isolated import IsolatedCodecs
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.syntaxes import LOSSY_METHODS, is_lossless
from pacs_framework.dicom.part10 import read_prefix
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES, UNCOMPRESSED
from pacs_framework.errors import UnreadableInstance
from pacs_framework.testing.mutations import mutated
from pacs_framework.testing.suites.suite import Suite
from pacs_framework.testing.threads import run_in_threads

__all__ = ["CodecSuite", "areas", "formats", "noise", "shades"]

_SIZES = ((1, 1), (3, 3), (3, 5), (61, 67))
_BITS = ((8, 8), (8, 7), (16, 10), (16, 12), (16, 16))
_LARGEST_SAMPLE = 1 << 18
_MOST_SAMPLES = 6  # of one transfer syntax
_THREADS = 8
_MUTATIONS, _SECONDS = 20, 20.0  # of one frame, for one of them
_LOSSY_TOLERANCE = 2  # decoders of one lossy stream may round differently
_LARGE = (70, 90)  # rows and columns of an image in which there is something to lose
_NEAR, _RATIO, _QUALITIES = (1, 3), 2.0, (30, 90)


def formats() -> Iterator[PixelFormat]:
    """Pixels of every kind that images commonly have, small."""
    for (rows, columns), (allocated, stored), signed in product(_SIZES, _BITS, (False, True)):
        yield PixelFormat(
            rows=rows, columns=columns, bits_allocated=allocated, bits_stored=stored, signed=signed
        )
    for (rows, columns), planar, colour in product(_SIZES, (0, 1), ("RGB", "YBR_FULL")):
        yield PixelFormat(
            rows=rows,
            columns=columns,
            samples_per_pixel=3,
            bits_allocated=8,
            bits_stored=8,
            photometric_interpretation=colour,
            planar_configuration=planar,
        )


def noise(pixels: PixelFormat, seed: int = 1) -> Frame:
    """A frame with samples all over the range, and both ends of it."""
    source = random.Random(seed)  # noqa: S311 - reproducible, not secret
    low = -(1 << pixels.bits_stored - 1) if pixels.signed else 0
    high = low + (1 << pixels.bits_stored) - 1
    count = pixels.rows * pixels.columns * pixels.samples_per_pixel
    samples = [low, high, *(source.randint(low, high) for _ in range(count))][:count]
    size = pixels.bits_allocated // 8
    data = b"".join(each.to_bytes(size, "little", signed=pixels.signed) for each in samples)
    return Frame(data, pixels)


def areas(pixels: PixelFormat) -> Frame:
    """A frame with few values in large areas, which coders treat otherwise than noise."""
    line = noise(replace(pixels, rows=1)).data
    sample = pixels.bits_allocated // 8
    half = bytes(line[: sample * pixels.samples_per_pixel]) * pixels.columns
    above = pixels.rows // 2
    return Frame(half * above + bytes(line) * (pixels.rows - above), pixels)


def shades(pixels: PixelFormat) -> Frame:
    """A frame with slow changes and a little noise, as images of the body have them."""
    source = random.Random(1)  # noqa: S311 - reproducible, not secret
    range_of_samples = (1 << pixels.bits_stored) - 1
    low = -(1 << pixels.bits_stored - 1) if pixels.signed else 0
    size = pixels.bits_allocated // 8
    data = bytearray()
    for place in _places(pixels):
        part = 0.5 + 0.35 * math.sin(place / 17) + source.uniform(-0.02, 0.02)
        sample = low + round(part * range_of_samples)
        data += sample.to_bytes(size, "little", signed=pixels.signed)
    return Frame(bytes(data), pixels)


def _places(pixels: PixelFormat) -> Iterator[int]:
    """Row and column of each sample as one number, in the order of the samples."""
    samples = range(pixels.samples_per_pixel)
    rows, columns = range(pixels.rows), range(pixels.columns)
    if pixels.planar_configuration:
        return (5 * s + row + column for s, row, column in product(samples, rows, columns))
    return (5 * s + row + column for row, column, s in product(rows, columns, samples))


class CodecSuite(Suite, suite=True):
    """Every law of `pacs_framework.codecs.codec.Codec`."""

    def test_each_codec_is_for_a_compressed_transfer_syntax(self, codecs: Sequence[Codec]) -> None:
        """And it does something."""
        assert codecs
        for codec in codecs:
            assert codec.transfer_syntax in {*TRANSFER_SYNTAXES} - UNCOMPRESSED, codec.name
            assert codec.name
            assert codec.decodes or codec.encodes, codec.name

    def test_what_was_encoded_without_loss_comes_back_exactly(
        self, codecs: Sequence[Codec]
    ) -> None:
        """For all pixels that a codec encodes, by every codec that decodes them."""
        for encoder in _encoders(codecs):
            tried = 0
            for pixels in filter(encoder.can_encode, formats()):
                tried += 1
                for frame in (noise(pixels), areas(pixels)):
                    encoded = encoder.encode(frame)
                    for decoder in _decoders(codecs, encoder.transfer_syntax, encoded.pixels):
                        told = f"{encoder.name} → {decoder.name}: {pixels}"
                        decoded = decoder.decode(encoded.data, encoded.pixels)
                        assert same_samples(decoded, frame), told
            assert tried, f"{encoder.name} encodes none of the common pixels"

    def test_a_decoded_frame_is_what_was_asked_for(self, codecs: Sequence[Codec]) -> None:
        """In size, samples, bits and sign; colour is never shared by pixels."""
        for codec, data, pixels in _samples(codecs):
            decoded = codec.decode(data, pixels)
            given = decoded.pixels
            assert len(decoded.data) == pixels.frame_bytes, codec.name
            for name in ("rows", "columns", "samples_per_pixel", "bits_allocated", "signed"):
                assert getattr(given, name) == getattr(pixels, name), (codec.name, name)
            assert "42" not in given.photometric_interpretation, codec.name

    def test_codecs_of_one_syntax_agree(self, codecs: Sequence[Codec]) -> None:
        """Exactly where it is lossless; else they may round differently."""
        for syntax in sorted({codec.transfer_syntax for codec in codecs}):
            for data, pixels in _published(syntax):
                decoded = [
                    (codec.name, codec.decode(data, pixels))
                    for codec in _decoders(codecs, syntax, pixels)
                ]
                for (one, first), (other, second) in combinations(decoded, 2):
                    told = f"{syntax}: {one} and {other} of {pixels}"
                    assert _distance(first, second) <= _tolerance(syntax), told

    @pytest.mark.parametrize(
        "data", [b"", b"\0", b"\xff\xd8\xff\xd9", b"no frame of any kind" * 50, bytes(5000)]
    )
    def test_what_is_no_frame_is_unreadable(self, codecs: Sequence[Codec], data: bytes) -> None:
        """Never another exception, and never an image."""
        pixels = PixelFormat(rows=64, columns=64, bits_allocated=16, bits_stored=12)
        for codec in codecs:
            if codec.decodes:
                with pytest.raises(UnreadableInstance):
                    _in_size(codec.decode(data, pixels), pixels)

    def test_a_frame_that_is_cut_off_or_damaged_is_unreadable_or_an_image(
        self, codecs: Sequence[Codec]
    ) -> None:
        """Some decoders give what there is; none gives a frame of another size."""
        some = {codec: (data, pixels) for codec, data, pixels in _samples(codecs)}
        for codec, (data, pixels) in some.items():
            for damaged in _damaged(data):
                try:
                    decoded = codec.decode(damaged, pixels)
                except UnreadableInstance:
                    continue
                assert len(decoded.data) == pixels.frame_bytes, codec.name

    def test_damage_of_any_kind_is_an_image_or_unreadable_in_its_time(
        self, codecs: Sequence[Codec]
    ) -> None:
        """In processes of their own, which may die of it: what comes behind is decoded."""
        registry = CodecRegistry()
        registry.add(codecs, plugin="suite")
        # The last ones of a codec are its own, the others are of other encoders.
        some = {codec: (data, pixels) for codec, data, pixels in _samples(codecs)}
        with closing(IsolatedCodecs(registry, most=1, seconds=_SECONDS)) as isolated:
            for codec, (data, pixels) in some.items():
                for damaged in mutated(bytes(data), _MUTATIONS):
                    told = _outcome(isolated, codec.transfer_syntax, damaged, pixels)
                    assert "it took more than" not in told, (codec.name, damaged.hex())
                assert _outcome(isolated, codec.transfer_syntax, data, pixels) == "", codec.name

    def test_a_header_that_lies_is_found_out(self, codecs: Sequence[Codec]) -> None:
        """Twice the rows make no image of what is there."""
        for codec, data, pixels in _samples(codecs):
            lie = PixelFormat(
                rows=2 * pixels.rows,
                columns=pixels.columns,
                samples_per_pixel=pixels.samples_per_pixel,
                bits_allocated=pixels.bits_allocated,
                bits_stored=pixels.bits_stored,
                signed=pixels.signed,
                photometric_interpretation=pixels.photometric_interpretation,
                planar_configuration=pixels.planar_configuration,
            )
            with pytest.raises(UnreadableInstance):
                _in_size(codec.decode(data, lie), lie)

    def test_an_encoded_frame_is_one_that_the_standard_knows(self, codecs: Sequence[Codec]) -> None:
        """Pixel by pixel, of the same size and bits, and small enough to be a fragment."""
        for encoder in _encoders(codecs):
            for pixels in filter(encoder.can_encode, formats()):
                encoded = encoder.encode(noise(pixels))
                _assert_same_but_colour(encoded, pixels, encoder)

    def test_a_loss_that_is_near_is_never_larger(self, codecs: Sequence[Codec]) -> None:
        """By every decoder, for noise and for areas."""
        for encoder, pixels in _lossy_encoders(codecs, Measure.NEAR):
            for amount, make in product(_NEAR, (noise, areas)):
                loss, frame = Loss(Measure.NEAR, amount), make(pixels)
                if not encoder.can_encode_lossy(pixels, loss):
                    continue
                encoded = encoder.encode_lossy(frame, loss)
                for decoder in _decoders(codecs, encoder.transfer_syntax, encoded.pixels):
                    decoded = decoder.decode(encoded.data, encoded.pixels)
                    difference = largest_difference(frame, decoded)
                    told = f"{encoder.name} → {decoder.name}: {pixels}, {difference}"
                    assert difference is not None, told
                    assert difference <= amount, told

    def test_a_ratio_is_reached(self, codecs: Sequence[Codec]) -> None:
        """Where a codec says that it can; what it gives is an image."""
        loss = Loss(Measure.RATIO, _RATIO)
        for encoder, pixels in _lossy_encoders(codecs, Measure.RATIO):
            if not encoder.can_encode_lossy(pixels, loss):
                continue
            encoded = encoder.encode_lossy(shades(pixels), loss)
            assert len(encoded.data) * _RATIO <= pixels.frame_bytes, f"{encoder.name}: {pixels}"
            for decoder in _decoders(codecs, encoder.transfer_syntax, encoded.pixels):
                _in_size(decoder.decode(encoded.data, encoded.pixels), pixels)

    def test_much_more_quality_is_better(self, codecs: Sequence[Codec]) -> None:
        """In the mean error of the samples; where colours come back as others, there is none."""
        for encoder, pixels in _lossy_encoders(codecs, Measure.QUALITY):
            losses = [Loss(Measure.QUALITY, quality) for quality in _QUALITIES]
            if not all(encoder.can_encode_lossy(pixels, loss) for loss in losses):
                continue
            frame = shades(pixels)
            made = [encoder.encode_lossy(frame, loss) for loss in losses]
            for decoder in _decoders(codecs, encoder.transfer_syntax, made[0].pixels):
                decoded = [decoder.decode(each.data, each.pixels) for each in made]
                errors = [_mean_square(frame, each) for each in decoded]
                told = f"{encoder.name} → {decoder.name}: {pixels}, {errors}"
                assert errors[1] < errors[0] or not any(errors), told
                assert all(same_kind(frame, each) for each in decoded), told

    def test_a_frame_encoded_with_loss_is_one_that_the_standard_knows(
        self, codecs: Sequence[Codec]
    ) -> None:
        """As one without loss; an index into a palette is no shade that may become another."""
        losses = [Loss(Measure.NEAR, 2), Loss(Measure.RATIO, 2), Loss(Measure.QUALITY, 50)]
        for encoder, loss in product((each for each in codecs if each.measures), losses):
            for pixels in formats():
                indices = replace(pixels, photometric_interpretation="PALETTE COLOR")
                assert not encoder.can_encode_lossy(indices, loss), encoder.name
                if not encoder.can_encode_lossy(pixels, loss):
                    continue
                try:
                    encoded = encoder.encode_lossy(noise(pixels), loss)
                except UnreadableInstance:  # noise is not made much smaller by anything
                    assert loss.measure is Measure.RATIO, encoder.name
                    continue
                _assert_same_but_colour(encoded, pixels, encoder)

    def test_a_codec_that_encodes_without_loss_only_promises_no_other(
        self, codecs: Sequence[Codec]
    ) -> None:
        """And none that encodes with loss says it of a transfer syntax that has none."""
        for codec in codecs:
            for measure in Measure:
                loss = Loss(measure, 2)
                promised = any(codec.can_encode_lossy(pixels, loss) for pixels in formats())
                assert not promised or measure in codec.measures, codec.name
            assert not codec.measures or codec.transfer_syntax in LOSSY_METHODS, codec.name

    def test_a_codec_goes_to_another_process(self, codecs: Sequence[Codec]) -> None:
        """Decoders run in processes of their own, which get them pickled."""
        for codec in codecs:
            again = pickle.loads(pickle.dumps(codec))  # noqa: S301 - our own
            assert again.transfer_syntax == codec.transfer_syntax
            assert (again.name, again.decodes, again.encodes) == (
                codec.name,
                codec.decodes,
                codec.encodes,
            )

    def test_threads_do_not_disturb_each_other(self, codecs: Sequence[Codec]) -> None:
        """Eight at once get what one gets."""
        for codec, data, pixels in _samples(codecs):
            together: deque[bytes] = deque()
            run_in_threads(_decoding(codec, data, pixels, together), _THREADS)
            assert set(together) == {bytes(codec.decode(data, pixels).data)}, codec.name


def _assert_same_but_colour(encoded: Frame, pixels: PixelFormat, encoder: Codec) -> None:
    kept = replace(
        encoded.pixels,
        photometric_interpretation=pixels.photometric_interpretation,
        planar_configuration=pixels.planar_configuration,
    )
    assert kept == pixels, encoder.name
    assert encoded.pixels.planar_configuration in {0, pixels.planar_configuration}
    assert 0 < len(encoded.data) <= pixels.most_encoded_bytes, encoder.name


def _lossy_encoders(
    codecs: Sequence[Codec], measure: Measure
) -> Iterator[tuple[Codec, PixelFormat]]:
    """Encoders with such a loss, each with all kinds of pixels in a frame that is not tiny."""
    rows, columns = _LARGE
    kinds = dict.fromkeys(replace(pixels, rows=rows, columns=columns) for pixels in formats())
    return product((each for each in codecs if measure in each.measures), kinds)


def _mean_square(frame: Frame, decoded: Frame) -> float:
    """The mean square error of the samples; 0 where there are none to compare."""
    if frame.pixels.photometric_interpretation != decoded.pixels.photometric_interpretation:
        return 0.0
    pairs = list(zip(samples_of(frame), samples_of(decoded), strict=True))
    return sum((one - other) ** 2 for one, other in pairs) / len(pairs)


def _decoding(
    codec: Codec, data: Buffer, pixels: PixelFormat, into: deque[bytes]
) -> Callable[[], None]:
    return lambda: into.append(bytes(codec.decode(data, pixels).data))


def _in_size(frame: Frame, pixels: PixelFormat) -> Frame:
    """As the registry looks at what it is given."""
    if len(frame.data) != pixels.frame_bytes or frame.pixels.rows != pixels.rows:
        raise UnreadableInstance("a frame of another size")
    return frame


def _encoders(codecs: Sequence[Codec]) -> Iterator[Codec]:
    return (each for each in codecs if each.encodes and is_lossless(each.transfer_syntax))


def _decoders(codecs: Sequence[Codec], syntax: str, pixels: PixelFormat) -> Iterator[Codec]:
    for codec in codecs:
        if codec.transfer_syntax == syntax and codec.can_decode(pixels):
            yield codec


def _samples(codecs: Sequence[Codec]) -> Iterator[tuple[Codec, Buffer, PixelFormat]]:
    """A frame or several for each codec that decodes. Raises where there is none."""
    for codec in codecs:
        if not codec.decodes:
            continue
        some = [*_published(codec.transfer_syntax), *_encoded(codecs, codec)]
        for data, pixels in some:
            if codec.can_decode(pixels):
                yield codec, data, pixels


def _encoded(codecs: Sequence[Codec], codec: Codec) -> list[tuple[Buffer, PixelFormat]]:
    pixels = PixelFormat(rows=40, columns=30, bits_allocated=16, bits_stored=12)
    for encoder in _encoders(codecs):
        if encoder.transfer_syntax == codec.transfer_syntax and encoder.can_encode(pixels):
            made = encoder.encode(noise(pixels))
            return [(made.data, made.pixels)]
    return []


@lru_cache(maxsize=64)
def _published(syntax: str) -> tuple[tuple[bytes, PixelFormat], ...]:
    """First frames of some of pydicom's test files in ``syntax`` that are sound and not large."""
    return tuple(islice(_frames(syntax), _MOST_SAMPLES))


def _frames(syntax: str) -> Iterator[tuple[bytes, PixelFormat]]:
    for path, offset, found in _files():
        if found != syntax or path.name in _ODD:
            continue
        with path.open("rb") as file:
            file.seek(offset)
            image = read_image(file, syntax)
            if isinstance(image, CompressedImage) and image.pixels.frame_bytes <= _LARGEST_SAMPLE:
                yield next(image.frames), image.pixels


# Their code streams contradict their headers, or end in the middle.
_ODD = frozenset(
    ("JPEG2000-embedded-sequence-delimiter.dcm", "emri_small_jpeg_2k_lossless_too_short.dcm")
)


@lru_cache(maxsize=1)
def _files() -> tuple[tuple[Path, int, str], ...]:
    """Path, offset of the data set and transfer syntax of pydicom's test files."""
    folder = Path(pydicom.data.__file__).parent / "test_files"
    return tuple(_readable(sorted(folder.glob("*.dcm"))))


def _readable(paths: Sequence[Path]) -> Iterator[tuple[Path, int, str]]:
    for path in paths:
        with path.open("rb") as file, suppress(UnreadableInstance):
            prefix = read_prefix(file)
            yield path, prefix.dataset_offset, prefix.meta.transfer_syntax_uid


def _damaged(data: Buffer) -> Iterator[bytes]:
    whole = bytes(data)
    yield whole[: len(whole) // 2]
    yield whole[:-2]
    noisy = bytearray(whole)
    for position in range(len(noisy) // 3, len(noisy), max(1, len(noisy) // 20)):
        noisy[position] ^= 0x55
    yield bytes(noisy)


def _outcome(codecs: IsolatedCodecs, syntax: str, data: Buffer, pixels: PixelFormat) -> str:
    """What is said of a frame; nothing where it is decoded, to as many bytes as asked for."""
    try:
        decoded = codecs.decode(data, syntax, pixels)
    except UnreadableInstance as error:
        return str(error)
    assert len(decoded.data) == pixels.frame_bytes, syntax
    return ""


def _distance(one: Frame, other: Frame) -> int:
    """The largest difference of two samples."""
    if one.pixels.photometric_interpretation != other.pixels.photometric_interpretation:
        return 0  # one is RGB, the other YBR: no samples to compare
    difference = largest_difference(one, other)
    assert difference is not None, "frames of two kinds"
    return difference


def _tolerance(syntax: str) -> int:
    return 0 if is_lossless(syntax) else _LOSSY_TOLERANCE
