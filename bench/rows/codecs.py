"""Codecs, in megabytes of native pixels a second on one core, beside pydicom's and the tools.

Nothing is sent: every plugin decodes and encodes in this process, pydicom by its default. The tools
are processes that read and write a file of many frames; their start is part of the time. The time
is that of the processor, and all of it is tied to one core: GDCM, which pydicom asks first where it
is installed, decodes JPEG 2000 in as many threads as there are cores, and would be compared with
one thread of the others. Only rows of several processes go by the clock.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from bench.results import OURS, Column, Result
from pacs_framework.app import configure
from pacs_framework.codecs.ahead import FrameThreads
from pacs_framework.codecs.codec import Codec, Frame
from pacs_framework.codecs.isolated import IsolatedCodecs
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.syntaxes import is_lossless, named_syntax
from pacs_framework.errors import UnreadableInstance

__all__ = ["CODEC_ROWS", "NEXT", "PYDICOM", "PYLIBJPEG", "measure_codecs", "phantom"]

PYDICOM = "pydicom"
"""The column of pydicom's default decoder or encoder."""

PYLIBJPEG = "pydicom-no-gdcm"
"""The column of the decoder that pydicom asks where python-gdcm is not installed."""

NEXT = "next"
"""The column of the library that is asked where the first one fails."""

_SIDE = 512
_GREY = PixelFormat(rows=_SIDE, columns=_SIDE, bits_allocated=16, bits_stored=12)
_BYTES = replace(_GREY, bits_allocated=8, bits_stored=8)
_TOOL_FRAMES = 40
_SCALED_FRAMES = 40
_SECONDS, _QUICK_SECONDS = 0.4, 0.15  # of one sample, at least
_REPEATS, _QUICK_REPEATS = 5, 3

_DECODED = {
    "jpeg": _BYTES,
    "jpeg-12": _GREY,
    "jpeg-lossless": _GREY,
    "jpeg-ls": _GREY,
    "jpeg-ls-near": _GREY,
    "jpeg2000": _GREY,
    "jpeg2000-lossy": _GREY,
    "htj2k": _GREY,
    "htj2k-lossy": _GREY,
    "jpegxl": _GREY,
    "rle": _GREY,
    "deflated-frames": _GREY,
}
_LOSSES = {
    "jpeg": Loss(Measure.QUALITY, 90),
    "jpeg-12": Loss(Measure.QUALITY, 90),
    "jpeg-ls-near": Loss(Measure.NEAR, 2),
    "jpeg2000-lossy": Loss(Measure.QUALITY, 60),
    "htj2k-lossy": Loss(Measure.QUALITY, 60),
}
_SCALED = ("htj2k", "jpeg2000")
_GDCM = "gdcm"  # as pydicom calls it
# Debian's tools: how each decodes and encodes one file; none of them knows the other syntaxes.
_DECODING_TOOLS = {
    "jpeg": ("dcmdjpeg", "gdcmconv -w"),
    "jpeg-12": ("dcmdjpeg", "gdcmconv -w"),
    "jpeg-lossless": ("dcmdjpeg", "gdcmconv -w"),
    "jpeg-ls": ("dcmdjpls", "gdcmconv -w"),
    "jpeg2000": ("gdcmconv -w",),
    "rle": ("dcmdrle", "gdcmconv -w"),
}
_ENCODING_TOOLS = {
    "jpeg": ("dcmcjpeg +eb +q 90", "gdcmconv -J -y -q 90"),
    "jpeg-lossless": ("dcmcjpeg +e1", "gdcmconv -J"),
    "jpeg-ls": ("dcmcjpls", "gdcmconv -L"),
    "jpeg2000": ("gdcmconv -K",),
    "rle": ("dcmcrle", "gdcmconv -R"),
}

CODEC_ROWS = (
    *(f"decode-{name}" for name in _DECODED),
    *(f"encode-{name}" for name in _DECODED),
    *(f"scale-{name}" for name in _SCALED),
)
"""The names of all rows."""


def phantom(pixels: PixelFormat) -> bytes:
    """An image like a slice of a body: ellipses of several densities, soft edges, noise."""
    y, x = np.mgrid[-1 : 1 : pixels.rows * 1j, -1 : 1 : pixels.columns * 1j]
    density = np.zeros(x.shape)
    for left, top, wide, high, value in _ELLIPSES:
        inside = ((x - left) / wide) ** 2 + ((y - top) / high) ** 2
        density += value / (1 + np.exp(((inside - 1) * 60).clip(-60, 60)))
    density += np.random.default_rng(1).normal(0, 0.004, x.shape)
    full = (1 << pixels.bits_stored) - 1
    samples = (density.clip(0, 1) * full).round()
    return samples.astype(f"<u{pixels.bits_allocated // 8}").tobytes()


_ELLIPSES = (
    (0, 0, 0.9, 0.7, 0.45),
    (-0.4, 0, 0.3, 0.4, -0.3),
    (0.4, 0, 0.3, 0.4, -0.3),
    (0, 0.45, 0.15, 0.12, 0.4),
    (0.05, -0.2, 0.2, 0.15, 0.06),
)


@dataclass(frozen=True, slots=True)
class _Subject:
    """A frame in one transfer syntax; ``encoded`` by the first provider that does."""

    name: str
    syntax: str
    native: Frame
    encoded: Frame | None
    scratch: Path

    @property
    def title(self) -> str:
        """In the words of the command line, which are short."""
        return f"{self.name}, {self.native.pixels.bits_stored} bits"

    @property
    def loss(self) -> Loss | None:
        return _LOSSES.get(self.name)


def measure_codecs(
    wanted: Iterable[str], *, quick: bool, scratch: Path, say: Callable[[str], None]
) -> Iterator[Result]:
    """The rows of `CODEC_ROWS` that are ``wanted``; files of the tools stay in ``scratch``."""
    names = set(wanted)
    registry = configure(None, {}).codec_registry()
    watch = _Watch(quick, say)
    for name, pixels in _DECODED.items():
        rows = {f"{task}-{name}" for task in ("decode", "encode", "scale")} & names
        if not rows:
            continue
        subject = _subject(name, pixels, registry, scratch)
        if f"decode-{name}" in rows and subject.encoded is not None:
            yield watch.row(
                f"decode-{name}", f"decode {subject.title}", _decoding(subject, registry)
            )
        if f"encode-{name}" in rows:
            yield watch.row(
                f"encode-{name}", f"encode {subject.title}", _encoding(subject, registry)
            )
        if f"scale-{name}" in rows and subject.encoded is not None:
            yield _scaling(watch, subject, registry)


def _subject(name: str, pixels: PixelFormat, registry: CodecRegistry, scratch: Path) -> _Subject:
    native = Frame(phantom(pixels), pixels)
    syntax, encoded = named_syntax(name), None
    with suppress(UnreadableInstance):
        encoded = _encoded(registry, native, syntax, _LOSSES.get(name))
    return _Subject(name, syntax, native, encoded, scratch)


def _encoded(codecs: Any, native: Frame, syntax: str, loss: Loss | None) -> Frame:
    made: Frame = (
        codecs.encode(native, syntax) if loss is None else codecs.encode_lossy(native, syntax, loss)
    )
    return made


# --- what is timed: columns, and how often a second of it does how many bytes -----------------


@dataclass(frozen=True, slots=True)
class _Contender:
    """A column: ``work`` goes through ``size`` native bytes at each call."""

    work: Callable[[], object]
    size: int
    note: str = ""


def _decoding(subject: _Subject, registry: CodecRegistry) -> Iterator[tuple[str, _Contender]]:
    encoded, syntax = subject.encoded, subject.syntax
    assert encoded is not None
    data, pixels, size = bytes(encoded.data), encoded.pixels, subject.native.pixels.frame_bytes
    willing = [each for each in _providers(registry, syntax) if each.can_decode(pixels)]
    yield from _ours(
        partial(registry.decode, data, syntax, pixels),
        [(each.name, partial(each.decode, data, pixels)) for each in willing],
        size,
    )
    whole, options = encapsulate([data], has_bot=False), _pydicom_options(pixels)
    with suppress(NotImplementedError, RuntimeError):
        decoder = get_decoder(UID(syntax))
        if decoder.is_available:
            work = partial(decoder.as_buffer, whole, index=0, **options)
            yield PYDICOM, _Contender(work, size)
            yield from _without_gdcm(decoder.available_plugins, work, size)
    compressed = _file(subject, [data] * _TOOL_FRAMES, pixels, syntax)
    yield from _tools(_DECODING_TOOLS.get(subject.name, ()), compressed, subject)


def _without_gdcm(
    plugins: tuple[str, ...], work: Callable[..., object], size: int
) -> Iterator[tuple[str, _Contender]]:
    """The next decoder of pydicom's, if GDCM is the first."""
    others = [plugin for plugin in plugins if plugin != _GDCM]
    if plugins[0] == _GDCM and others:
        without = partial(work, decoding_plugin=others[0])
        yield PYLIBJPEG, _Contender(without, size, f"pydicom with {others[0]}")


def _encoding(subject: _Subject, registry: CodecRegistry) -> Iterator[tuple[str, _Contender]]:
    native, syntax, loss = subject.native, subject.syntax, subject.loss
    pixels, size = native.pixels, native.pixels.frame_bytes
    if subject.encoded is not None:
        yield from _ours(
            partial(_encoded, registry, native, syntax, loss),
            [
                (each.name, partial(_encoded_by, each, native, loss))
                for each in _providers(registry, syntax)
                if _encodes(each, pixels, loss)
            ],
            size,
        )
    if is_lossless(syntax):
        data, options = bytes(native.data), _pydicom_options(pixels)
        with suppress(NotImplementedError, RuntimeError):
            encoder = get_encoder(UID(syntax))
            if encoder.is_available:
                yield PYDICOM, _Contender(partial(encoder.encode, data, index=0, **options), size)
    plain = _file(subject, [bytes(native.data)] * _TOOL_FRAMES, pixels, ExplicitVRLittleEndian)
    yield from _tools(_ENCODING_TOOLS.get(subject.name, ()), plain, subject)


def _ours(
    asked: Callable[[], object], libraries: list[tuple[str, Callable[[], object]]], size: int
) -> Iterator[tuple[str, _Contender]]:
    """What the archive asks, and the library that it would ask next where the first one fails."""
    note = f"asked in this order: {', '.join(name for name, _ in libraries)}"
    yield OURS, _Contender(asked, size, note)
    if len(libraries) > 1:
        name, work = libraries[1]
        yield NEXT, _Contender(work, size, name)


def _encodes(codec: Codec, pixels: PixelFormat, loss: Loss | None) -> bool:
    return codec.can_encode(pixels) if loss is None else codec.can_encode_lossy(pixels, loss)


def _encoded_by(codec: Codec, native: Frame, loss: Loss | None) -> Frame:
    return codec.encode(native) if loss is None else codec.encode_lossy(native, loss)


def _providers(registry: CodecRegistry, syntax: str) -> list[Codec]:
    """In the order in which they are asked."""
    return [each.codec for each in registry if each.codec.transfer_syntax == syntax]


def _pydicom_options(pixels: PixelFormat) -> dict[str, Any]:
    return {
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


def _tools(
    commands: Iterable[str], file: Dataset, subject: _Subject
) -> Iterator[tuple[str, _Contender]]:
    """Programs that are installed, each reading one file and writing another."""
    size = _TOOL_FRAMES * subject.native.pixels.frame_bytes
    for command in commands:
        name, *options = command.split()
        program = shutil.which(name)
        if program is not None:
            note = f"{command}: a file of {_TOOL_FRAMES} frames, with the start of the process"
            work = partial(_convert, [program, *options], file, subject.scratch)
            yield "gdcm" if name.startswith("gdcm") else "dcmtk", _Contender(work, size, note)


def _convert(command: list[str], file: Dataset, scratch: Path) -> None:
    """Run a tool over ``file``, which is written before its first run."""
    source = scratch / f"codecs-{id(file)}.dcm"
    if not source.exists():
        file.save_as(source, enforce_file_format=True)
    done = subprocess.run(
        [*command, source, scratch / "codecs-out.dcm"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ValueError(f"{command[0]} failed: {done.stderr.strip()[-200:]}")


def _file(subject: _Subject, frames: list[bytes], pixels: PixelFormat, syntax: str) -> Dataset:
    """A DICOM file of these frames, for the tools."""
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = UID(syntax)
    file.SOPClassUID, file.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3.4"
    file.StudyInstanceUID, file.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    file.NumberOfFrames = len(frames)
    file.Rows, file.Columns, file.SamplesPerPixel = pixels.rows, pixels.columns, 1
    file.BitsAllocated, file.BitsStored = pixels.bits_allocated, pixels.bits_stored
    file.HighBit, file.PixelRepresentation = pixels.bits_stored - 1, 0
    file.PhotometricInterpretation = subject.native.pixels.photometric_interpretation
    native = syntax == ExplicitVRLittleEndian
    file.PixelData = b"".join(frames) if native else encapsulate(frames)
    file["PixelData"].VR = "OW" if native and pixels.bits_allocated > 8 else "OB"
    return file


# --- timing -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Watch:
    """Takes samples; the contenders of a row take turns."""

    quick: bool
    say: Callable[[str], None]

    def row(self, name: str, title: str, contenders: Iterable[tuple[str, _Contender]]) -> Result:
        result = Result(name=name, title=title, unit="MB/s", higher_is_better=True, table="codecs")
        with _one_core():
            self._measure(result, contenders, _processor_seconds)
        self._tell(result)
        return result

    def scaled(self, result: Result, column: str, contender: _Contender) -> None:
        """One more column of ``result``, on all cores."""
        self._measure(result, [(column, contender)], time.perf_counter)
        self._tell(result)

    def _measure(
        self,
        result: Result,
        contenders: Iterable[tuple[str, _Contender]],
        clock: Callable[[], float],
    ) -> None:
        ready = {column: each for column, each in contenders if self._runs(result, column, each)}
        for _ in range(_QUICK_REPEATS if self.quick else _REPEATS):
            for column, each in ready.items():
                result.columns[column].samples.append(self._sample(each, clock))

    def _tell(self, result: Result) -> None:
        medians = {
            column: statistics.median(each.samples)
            for column, each in result.columns.items()
            if each.samples
        }
        told = ", ".join(f"{column} {median:,.0f}" for column, median in medians.items())
        self.say(f"{result.name:<24} {told} MB/s")

    def _runs(self, result: Result, column: str, contender: _Contender) -> bool:
        """The first call is not timed: libraries are loaded with it. One that fails says why."""
        made = result.columns.setdefault(column, Column(note=contender.note))
        try:
            contender.work()
        except Exception as error:  # noqa: BLE001 - of any library
            made.note = f"failed: {type(error).__name__}: {error}"
            return False
        return True

    def _sample(self, contender: _Contender, clock: Callable[[], float]) -> float:
        """Megabytes a second, over as many calls as fill the time of a sample."""
        least = _QUICK_SECONDS if self.quick else _SECONDS
        calls, start = 0, clock()
        while (taken := clock() - start) < least:
            contender.work()
            calls += 1
        return calls * contender.size / taken / 1e6


def _processor_seconds() -> float:
    """Of this process, all its threads, and the processes that it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


@contextmanager
def _one_core() -> Iterator[None]:
    """Tie this thread, and the threads and processes that it starts, to one core (Linux)."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _scaling(watch: _Watch, subject: _Subject, registry: CodecRegistry) -> Result:
    """Frames of one image decoded in processes of their own, as the archive does it."""
    encoded = subject.encoded
    assert encoded is not None
    frames = [bytes(encoded.data)] * _SCALED_FRAMES
    size = _SCALED_FRAMES * subject.native.pixels.frame_bytes
    result = Result(
        name=f"scale-{subject.name}",
        title=f"{_SCALED_FRAMES} frames in processes, {subject.title}",
        unit="MB/s",
        higher_is_better=True,
        table="scaling",
    )
    for number in (1, 2, os.cpu_count() or 1):
        column = f"{number} process{'es' if number > 1 else ''}"
        if column in result.columns:
            continue
        threads = FrameThreads(number)
        with closing(IsolatedCodecs(registry, most=number)) as codecs, closing(threads):

            def decode(data: bytes, codecs: IsolatedCodecs = codecs) -> Frame:
                return codecs.decode(data, subject.syntax, encoded.pixels)

            def work(threads: FrameThreads = threads, decode: Any = decode) -> None:
                for _ in threads.map(decode, frames):
                    pass

            watch.scaled(result, column, _Contender(work, size))
    return result
