"""Frames, videos and documents taken out of instances."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import EncapsulatedPDFStorage, VideoEndoscopicImageStorage
from rendered import NoDecoder, image, save

from pacs_framework.codecs.codec import Frame
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES, UNCOMPRESSED
from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.extracting import Form, extracts, frame_suffix
from pacs_framework.rendering.video import VIDEO

BASELINE, RLE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5"
JPIP = {f"1.2.840.10008.1.2.4.{number}" for number in (94, 95, 204, 205)}
H264 = "1.2.840.10008.1.2.4.102"


def taken(path, form: Form = Form.STORED, frame: int | None = None, decoder=None) -> list[tuple]:
    """(frame, suffix, data) of each extract, and the facts of the last."""
    with path.open("rb") as file:
        found = extracts(file, decoder or NoDecoder(), form, frame)
        return [(e.frame, e.suffix, b"".join(e.pieces), e.facts) for _, e in found]


def compressed(path, syntax: str, *fragments: bytes, frames: int = 1, **header):
    """A file with ``fragments`` as its pixel data."""
    ds = image(np.zeros((frames, 2, 3), np.uint8) if frames > 1 else np.zeros((2, 3), np.uint8))
    ds.Rows, ds.Columns, ds.NumberOfFrames, ds.SamplesPerPixel = 2, 3, frames, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    for keyword, value in header.items():
        setattr(ds, keyword, value)
    ds.PixelData = encapsulate(list(fragments))
    ds["PixelData"].is_undefined_length = True
    return save(ds, path, syntax)


class Fixed:
    """A decoder whose frames are all the same."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def decodes(self, transfer_syntax) -> bool:
        return True

    def decode(self, frame, transfer_syntax, pixels) -> Frame:
        return Frame(self.data, pixels)


def test_native_frames_come_as_they_are_with_how_to_read_them(tmp_path) -> None:
    values = np.arange(12, dtype=np.int16).reshape(2, 2, 3)
    path = save(image(values, frames=2, BitsStored=12, HighBit=11), tmp_path / "a.dcm")
    for form in (Form.STORED, Form.RAW):
        found = taken(path, form)
        assert [(frame, suffix) for frame, suffix, _, _ in found] == [(1, ".raw"), (2, ".raw")]
        assert [data for _, _, data, _ in found] == [values[0].tobytes(), values[1].tobytes()]
        facts = found[0][3]
        assert (facts["rows"], facts["columns"], facts["bits_stored"], facts["signed"]) == (
            2,
            3,
            12,
            True,
        )
    assert [frame for frame, *_ in taken(path, frame=2)] == [2]


def test_compressed_frames_come_as_they_are_without_a_codec(tmp_path) -> None:
    path = compressed(tmp_path / "a.dcm", RLE, b"first!", b"second", frames=2)
    assert taken(path) == [(1, ".rle", b"first!", {}), (2, ".rle", b"second", {})]
    assert taken(path, frame=2) == [(2, ".rle", b"second", {})]
    decoded = taken(path, Form.RAW, decoder=Fixed(b"abcdef"))
    assert [data for _, _, data, _ in decoded] == [b"abcdef"] * 2


def test_every_transfer_syntax_with_frames_has_a_suffix() -> None:
    for syntax in {*TRANSFER_SYNTAXES} - UNCOMPRESSED - {*VIDEO} - JPIP:
        assert frame_suffix(syntax) != ".bin", syntax


@pytest.mark.parametrize(
    ("values", "header", "offset", "mode"),
    [
        (np.array([[0, 65535]], np.uint16), {}, 0, "I;16"),
        (np.array([[-32768, 32767]], np.int16), {}, 32768, "I;16"),
        (np.array([[-2048, 2047]], np.int16), {"BitsStored": 12, "HighBit": 11}, 2048, "I;16"),
        (np.array([[0, 255]], np.uint8), {}, 0, "L"),
        (np.array([[-128, 127]], np.int8), {}, 128, "L"),
    ],
)
def test_png_has_every_stored_value_and_tells_its_offset(
    tmp_path, values, header, offset, mode
) -> None:
    path = save(image(values, **header), tmp_path / "a.dcm")
    [(_, suffix, data, facts)] = taken(path, Form.PNG)
    assert (suffix, facts) == (".png", {"offset": offset})
    read = Image.open(io.BytesIO(data))
    assert read.mode == mode
    assert np.array_equal(np.asarray(read).astype(int) - offset, values)


def test_npy_is_one_array_of_all_frames_or_of_one(tmp_path) -> None:
    values = np.arange(24, dtype=np.int16).reshape(4, 2, 3) - 9
    path = save(image(values, frames=4), tmp_path / "a.dcm")
    [(frame, suffix, data, _)] = taken(path, Form.NPY)
    assert (frame, suffix) == (None, ".npy")
    read = np.load(io.BytesIO(data))
    assert read.dtype == np.int16
    assert np.array_equal(read, values)
    [(frame, _, data, _)] = taken(path, Form.NPY, frame=3)
    assert frame == 3
    assert np.array_equal(np.load(io.BytesIO(data)), values[2])
    colour = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    [(_, _, data, _)] = taken(save(image(colour), tmp_path / "b.dcm"), Form.NPY)
    assert np.array_equal(np.load(io.BytesIO(data)), colour)


def test_npy_holds_floats_and_32_bits_and_the_rest_says_so(tmp_path) -> None:
    wide = save(image(np.array([[1, 2**31]], np.uint32)), tmp_path / "a.dcm")
    [(_, _, data, _)] = taken(wide, Form.NPY)
    assert np.load(io.BytesIO(data)).tolist() == [[1, 2**31]]
    with pytest.raises(UnreadableInstance, match="PNG does not hold values of 32 bits: --npy"):
        taken(wide, Form.PNG)
    with pytest.raises(UnreadableInstance, match="JPEG does not hold values of 32 bits: --png"):
        taken(wide, Form.JPEG)


def test_a_jpeg_is_passed_on_where_viewers_know_its_colours(tmp_path) -> None:
    """RGB in JPEG is a thing of DICOM: viewers would take it for YCbCr."""
    path = compressed(tmp_path / "a.dcm", BASELINE, b"\xff\xd8..\xff\xd9")
    assert taken(path, Form.JPEG) == [(1, ".jpg", b"\xff\xd8..\xff\xd9", {})]
    colours = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    path = compressed(tmp_path / "b.dcm", BASELINE, b"\xff\xd8..\xff\xd9", **colours)
    [(_, suffix, data, _)] = taken(path, Form.JPEG, decoder=Fixed(bytes([200, 10, 10] * 6)))
    assert suffix == ".jpg"
    red, green, _ = Image.open(io.BytesIO(data)).getpixel((1, 1))
    assert red > 190
    assert green < 20


def document(path, data: bytes, mime_type: str, **header):
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = EncapsulatedPDFStorage, "1.2.3.4"
    ds.MIMETypeOfEncapsulatedDocument = mime_type
    ds.EncapsulatedDocument = data + b"\0" * (len(data) % 2)
    for keyword, value in header.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    return save(ds, path)


@pytest.mark.parametrize(
    ("mime_type", "suffix"),
    [
        ("application/pdf", ".pdf"),
        ("text/XML", ".xml"),
        ("model/stl", ".stl"),
        ("model/obj", ".obj"),
        ("image/gif", ".gif"),
        ("made/up", ".bin"),
        ("", ".bin"),
    ],
)
def test_a_document_comes_out_by_its_type_and_without_padding(tmp_path, mime_type, suffix) -> None:
    data = b"%PDF-1.7 odd"[:11]
    path = document(tmp_path / "a.dcm", data, mime_type, EncapsulatedDocumentLength=len(data))
    assert taken(path) == [(None, suffix, data, {"mime_type": mime_type})]


def test_a_document_without_its_length_loses_padding_where_it_is_text_or_pdf(tmp_path) -> None:
    pdf = document(tmp_path / "a.dcm", b"odd", "application/pdf")
    assert taken(pdf)[0][2] == b"odd"
    stl = document(tmp_path / "b.dcm", b"even\0\0", "model/stl")
    assert taken(stl)[0][2] == b"even\0\0"


def test_a_document_has_no_frames(tmp_path) -> None:
    path = document(tmp_path / "a.dcm", b"even", "application/pdf")
    for form, frame in ((Form.PNG, None), (Form.STORED, 1)):
        with pytest.raises(UnreadableInstance, match=r"document \(application/pdf\) has no frames"):
            taken(path, form, frame)


@pytest.mark.parametrize(
    ("syntax", "stream", "suffix"),
    [
        (H264, b"\0\0\0\x18ftypmp42" + bytes(600), ".mp4"),
        (H264, (b"G" + bytes(187)) * 4, ".ts"),
        (H264, b"\0\0\0\1\x67" + bytes(51), ".h264"),
        ("1.2.840.10008.1.2.4.100", b"\0\0\1\xb3" + bytes(60), ".mpg"),
        ("1.2.840.10008.1.2.4.101.1", b"\0\0\1\xba" + bytes(60), ".mpg"),
        ("1.2.840.10008.1.2.4.108", b"\0\0\0\1\x40" + bytes(51), ".hevc"),
    ],
)
def test_all_fragments_of_a_video_are_one_stream(tmp_path, syntax, stream, suffix) -> None:
    """Whatever the number of frames; its suffix is that of what it is in truth."""
    half = len(stream) // 4 * 2
    path = compressed(
        tmp_path / "v.dcm",
        syntax,
        stream[:half],
        stream[half:],
        frames=50,
        SOPClassUID=VideoEndoscopicImageStorage,
    )
    assert taken(path) == [(None, suffix, stream, {})]


def test_a_video_that_is_cut_off_is_told(tmp_path) -> None:
    path = compressed(tmp_path / "v.dcm", H264, bytes(range(250)) * 4, frames=9)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(UnreadableInstance, match="the data end inside the pixel data"):
        taken(path)


def test_what_holds_nothing_to_take_out_is_told(tmp_path) -> None:
    ds = image(np.zeros((1, 1), np.uint8))
    del ds.PixelData
    with pytest.raises(UnreadableInstance, match="an image without pixel data"):
        taken(save(ds, tmp_path / "a.dcm"))
    del ds.Rows
    with pytest.raises(UnreadableInstance, match="neither an image nor a document"):
        taken(save(ds, tmp_path / "b.dcm"))
