"""Single frames of videos, decoded in a process of their own."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import VideoEndoscopicImageStorage
from rendered import NoDecoder, image, save

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering import video
from pacs_framework.rendering.drawing import pictures
from pacs_framework.rendering.opening import open_image

MPEG2 = "1.2.840.10008.1.2.4.100"

# What PyAV looks like to us; the stream is one number for each frame, and some have a meaning.
STAND_IN = """
import os, pathlib, signal, time

import numpy

class Frame:
    def __init__(self, level):
        self.level = level

    def to_ndarray(self, format):
        assert format == "rgb24"
        return numpy.full((2, 3, 3), self.level, numpy.uint8)

class Container:
    def __init__(self, path):
        self.data = pathlib.Path(path).read_bytes().rstrip(bytes(1))

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        pass

    def decode(self, video):
        assert video == 0
        for level in self.data:
            if level == 250:
                raise ValueError("a damaged frame")
            if level == 251:
                os.kill(os.getpid(), signal.SIGSEGV)
            if level == 252:
                time.sleep(60)
            yield Frame(level)

def open(path):
    return Container(path)
"""


def a_video(
    path: Path,
    stream: bytes,
    frames: int,
    rows: int = 2,
    columns: int = 3,
    syntax: str = MPEG2,
) -> Path:
    ds = image(np.zeros((rows, columns, 3), np.uint8), SOPClassUID=VideoEndoscopicImageStorage)
    ds.PhotometricInterpretation, ds.NumberOfFrames = "YBR_PARTIAL_420", frames
    ds.PixelData = encapsulate([stream])
    return save(ds, path, syntax)


def frames_of(path: Path, wanted: range) -> list[tuple[int, np.ndarray]]:
    with path.open("rb") as file:
        found = open_image(file, NoDecoder())
        return [(number, picture.pixels) for number, picture in pictures(found, wanted)]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library ``av`` for this process and those that it starts."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "av.py").write_text(STAND_IN, "utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder) + os.pathsep + os.environ.get("PYTHONPATH", ""))


def test_without_pyav_the_way_out_is_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(video.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UnreadableInstance, match=r"need PyAV: pip install av; `pacs extract` gives"
    ):
        frames_of(a_video(tmp_path / "v.dcm", b"\1\2", 2), range(1, 2))


@pytest.mark.usefixtures("stand_in")
def test_only_wanted_frames_come_with_their_numbers(tmp_path: Path) -> None:
    path = a_video(tmp_path / "v.dcm", bytes((10, 20, 30, 40)), 4)
    found = frames_of(path, range(2, 4))
    assert [(number, int(pixels[0, 0, 0])) for number, pixels in found] == [(2, 20), (3, 30)]
    assert found[0][1].shape == (2, 3, 3)


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("stream", "told"),
    [
        (b"\1\2", "the video ends with frame 2"),
        (b"\1\xfa\1\1", "the video cannot be decoded: ValueError"),
        (b"\1\xfb\1\1", "the video decoder died, or took more than 60 s for a frame"),
    ],
)
def test_a_frame_that_cannot_be_decoded_is_told(tmp_path: Path, stream, told) -> None:
    with pytest.raises(UnreadableInstance, match=told):
        frames_of(a_video(tmp_path / "v.dcm", stream, 4), range(3, 4))


@pytest.mark.usefixtures("stand_in")
def test_a_decoder_that_hangs_is_ended(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(video, "_SECONDS", 2.0)
    with pytest.raises(UnreadableInstance, match="took more than 2 s for a frame"):
        frames_of(a_video(tmp_path / "v.dcm", b"\xfc\1", 2), range(1, 2))


@pytest.mark.parametrize(
    ("codec", "container_format", "syntax"),
    [
        ("mpeg2video", "mpeg2video", MPEG2),
        ("mpeg2video", "mpegts", MPEG2),
        ("libx264", "mp4", "1.2.840.10008.1.2.4.102"),
        ("libx264", "h264", "1.2.840.10008.1.2.4.103.1"),
        ("libx265", "mpegts", "1.2.840.10008.1.2.4.107"),
    ],
)
def test_frames_of_a_real_stream(
    tmp_path: Path, codec: str, container_format: str, syntax: str
) -> None:
    """Each frame has a grey of its own, which the loss of the compression moves a little."""
    av = pytest.importorskip("av", reason="PyAV is not installed: pip install av")
    stream = tmp_path / "stream"
    with av.open(str(stream), "w", format=container_format) as container:
        track = container.add_stream(codec, rate=25)
        track.width = track.height = 64
        track.pix_fmt = "yuv420p"
        for number in range(9):
            grey = np.full((64, 64, 3), 20 + 25 * number, np.uint8)
            container.mux(track.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(track.encode())
    path = a_video(tmp_path / "v.dcm", stream.read_bytes(), 9, 64, 64, syntax)
    found = frames_of(path, range(1, 10))
    assert [number for number, _ in found] == list(range(1, 10))
    levels = [float(pixels.mean()) for _, pixels in found]
    assert np.abs(np.array(levels) - (20 + 25 * np.arange(9))).max() < 4
    [(_, alone)] = frames_of(path, range(7, 8))
    assert np.array_equal(alone, found[6][1])


def test_a_video_without_pixel_data_is_no_image(tmp_path: Path) -> None:
    ds: Dataset = image(np.zeros((2, 3), np.uint8))
    del ds.PixelData
    with pytest.raises(UnreadableInstance, match="an image without pixel data"):
        frames_of(save(ds, tmp_path / "v.dcm", MPEG2), range(1, 2))
