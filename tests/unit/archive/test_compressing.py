"""An instance kept in another transfer syntax: only with every pixel proved, else as it came."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import (
    ComprehensiveSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from structlog.testing import capture_logs

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.incoming import Coercion, Compression, IncomingInstance, StoreAnswer
from pacs_framework.archive.verify import verify
from pacs_framework.codecs.codec import Buffer, Codec, Frame
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.status import Status
from pacs_framework.errors import OutOfResources, PluginError, UnreadableInstance
from pacs_framework.index.entry import StoredAs
from pacs_framework.testing.arrivals import ORIGIN, announced, encoded, mr_image, send
from pacs_framework.testing.scene import Scene

RLE, NEAR = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.81"
SMALL, LARGE = (4, 4), (100, 100)  # rows and columns; more than the spool of the tests takes
WARNING = "an instance is kept as it came: it could not be compressed"


class Turning(Codec):
    """ "Compressed" is the frame the other way round; a loss is the low bits of each sample."""

    name = "turning"
    encodes = True
    measures = frozenset((Measure.NEAR,))

    def __init__(self, syntax: str) -> None:
        self.transfer_syntax = syntax

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        return Frame(bytes(frame)[::-1], pixels)

    def encode(self, frame: Frame) -> Frame:
        return Frame(bytes(frame.data)[::-1], frame.pixels)

    def encode_lossy(self, frame: Frame, loss: Loss) -> Frame:
        dimmed = bytearray(frame.data)
        dimmed[::2] = bytes(byte & ~int(loss.amount) & 0xFF for byte in dimmed[::2])
        return self.encode(Frame(dimmed, frame.pixels))


def picture(size: tuple[int, int] = SMALL, *, frames: int = 1, **changed: object) -> Dataset:
    rows, columns = size
    number = frames * rows * columns * 2
    return mr_image(
        pixels=bytes(range(251)) * (number // 251) + bytes(range(number % 251)),
        Rows=rows,
        Columns=columns,
        NumberOfFrames=frames,
        SamplesPerPixel=1,
        BitsAllocated=16,
        BitsStored=16,
        HighBit=15,
        PixelRepresentation=0,
        PhotometricInterpretation="MONOCHROME2",
        **changed,
    )


def answering(**compression: object) -> Callable[[IncomingInstance], StoreAnswer]:
    return lambda _: Compression(**{"to": RLE, **compression})


@pytest.fixture
def archive(scene: Scene) -> Archive:
    scene.codecs.add([Turning(RLE), Turning(NEAR)], plugin="test")
    scene.on_store = answering()
    return scene.archive()


def read(archive: Archive, uid: str = "1.2.3.4.1") -> Dataset:
    with archive.open_file(uid) as file:
        dataset = dcmread(file)
        dataset.PatientName, dataset.file_meta.TransferSyntaxUID  # noqa: B018 - read by now
        return dataset


def frames(dataset: Dataset) -> list[bytes]:
    number = int(dataset.get("NumberOfFrames", 1))
    return [frame[::-1] for frame in generate_frames(dataset.PixelData, number_of_frames=number)]


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["in memory", "through a file"])
@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
    ids=["explicit", "implicit", "big endian", "deflated"],
)
def test_every_uncompressed_instance_is_kept_compressed(
    scene: Scene, archive: Archive, size: tuple[int, int], syntax: str
) -> None:
    """The same instance with the same pixels: SUCCESS; indexed and described as what it is."""
    sent = picture(size, frames=2)
    outcome = send(
        archive, encode_identifier(sent, syntax), announced(transfer_syntax_uid=str(syntax))
    )
    assert (outcome.status, outcome.comment) == (Status.SUCCESS, "")
    assert outcome.sop_instance_uid == "1.2.3.4.1"
    facts = archive.lookup.instance("1.2.3.4.1")
    assert facts is not None
    assert facts.transfer_syntax_uid == RLE
    kept = read(archive)
    assert kept.file_meta.TransferSyntaxUID == RLE
    assert kept.file_meta.SourceApplicationEntityTitle == "MODALITY"
    swapped = syntax == ExplicitVRBigEndian
    native = bytearray(b"".join(frames(kept)))
    if swapped:
        native[::2], native[1::2] = native[1::2], native[::2]
    assert bytes(native) == sent.PixelData
    assert list(verify(archive)) == []
    assert scene.staged() == []


def test_sent_again_it_is_known(archive: Archive) -> None:
    data = encoded(picture())
    assert send(archive, data).outcome is StoredAs.NEW
    assert send(archive, data).outcome is StoredAs.IDENTICAL


def test_the_prefix_of_a_file_is_told_of_what_it_has_become(
    archive: Archive, tmp_path: Path
) -> None:
    """Its preamble goes, since it is about bytes that are not there; all else stays."""
    path = tmp_path / "image.dcm"
    prefix = b"II*\0".ljust(128, b"x") + make_prefix(announced(), source_aet="THERE")[128:]
    path.write_bytes(prefix + encoded(picture()))
    assert archive.import_file(path, ORIGIN).status == Status.SUCCESS
    with archive.open_file("1.2.3.4.1") as file:
        assert file.read(132) == bytes(128) + b"DICM"
    meta = read(archive).file_meta
    assert (meta.SourceApplicationEntityTitle, meta.TransferSyntaxUID) == ("THERE", RLE)


def test_an_instance_without_pixel_data_is_kept_in_silence(archive: Archive) -> None:
    report = mr_image(PixelData=None, SOPClassUID=ComprehensiveSRStorage)
    data = encoded(report)
    with capture_logs() as logs:
        outcome = send(archive, data, announced(sop_class_uid=str(ComprehensiveSRStorage)))
    assert outcome.status == Status.SUCCESS
    assert WARNING not in [entry["event"] for entry in logs]
    with archive.open("1.2.3.4.1").dataset as source:
        assert source.read() == data


class Failing(Turning):
    """Fails as the test says."""

    def __init__(self, syntax: str, failure: str) -> None:
        super().__init__(syntax)
        self._failure = failure

    def decode(self, frame: Buffer, pixels: PixelFormat) -> Frame:
        if self._failure == "decoder":
            raise UnreadableInstance("cannot read that")
        if self._failure == "pixel":
            return Frame(b"\xff\xff" + bytes(frame)[:-2][::-1], pixels)
        return super().decode(frame, pixels)

    def encode(self, frame: Frame) -> Frame:
        if self._failure == "encoder":
            raise UnreadableInstance("cannot write that")
        if self._failure == "disk":
            raise OSError(28, "No space left on device")
        return super().encode(frame)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["in memory", "through a file"])
@pytest.mark.parametrize(
    ("failure", "told"),
    [
        ("encoder", "cannot write that"),
        ("decoder", "cannot read that"),
        ("pixel", "frame 1 of the new file is another one"),
        ("disk", "No space left on device"),
        ("missing", "no installed codec encodes RLE Lossless"),
    ],
)
def test_where_it_fails_the_original_is_kept_and_a_warning_says_why(
    scene: Scene, size: tuple[int, int], failure: str, told: str
) -> None:
    """Nothing is lost, and the sender need not know."""
    if failure != "missing":
        scene.codecs.add([Failing(RLE, failure)], plugin="test")
    scene.on_store = answering()
    archive, data = scene.archive(), encoded(picture(size))
    with capture_logs() as logs:
        assert send(archive, data).status == Status.SUCCESS
    (warning,) = [entry for entry in logs if entry["event"] == WARNING]
    assert warning["log_level"] == "warning"
    assert told in warning["reason"]
    assert warning["sop_instance_uid"] == "1.2.3.4.1"
    with archive.open("1.2.3.4.1").dataset as source:
        assert source.read() == data
    assert scene.staged() == []


def test_pixels_that_contradict_the_header_are_kept_as_they_came(archive: Archive) -> None:
    contradicting = picture()
    contradicting.Rows += 1
    data = encoded(contradicting)
    assert send(archive, data).status == Status.SUCCESS
    with archive.open("1.2.3.4.1").dataset as source:
        assert source.read() == data


def test_where_the_storage_fails_the_sender_is_told(scene: Scene, archive: Archive) -> None:
    """As for any other instance: nothing is left behind."""

    def full(operation: str, *_: object) -> None:
        if operation in ("begin", "put_file"):
            raise OutOfResources("the disk is full")

    scene.storage.before = full
    with pytest.raises(OutOfResources):
        send(archive, encoded(picture()))
    assert scene.storage.objects == {}
    assert scene.staged() == []


def test_with_loss_it_becomes_another_instance(archive: Archive, scene: Scene) -> None:
    """B000H; the index and the object say the new UID, and it is the same the next time."""
    scene.on_store = answering(to=NEAR, loss=Loss(Measure.NEAR, 1))
    first, again = (send(archive, encoded(picture())) for _ in range(2))
    assert first.status == Status.COERCION_OF_DATA_ELEMENTS
    assert first.comment == "data elements were changed"
    assert (first.outcome, again.outcome) == (StoredAs.NEW, StoredAs.IDENTICAL)
    assert first.sop_instance_uid == again.sop_instance_uid != "1.2.3.4.1"
    assert archive.lookup.instance("1.2.3.4.1") is None
    kept = read(archive, first.sop_instance_uid)
    assert kept.file_meta.MediaStorageSOPInstanceUID == kept.SOPInstanceUID
    assert kept.LossyImageCompression == "01"
    assert list(verify(archive)) == []


def test_a_loss_that_is_larger_than_was_allowed_is_not_kept(scene: Scene) -> None:
    class Careless(Turning):
        def encode_lossy(self, frame: Frame, loss: Loss) -> Frame:
            return self.encode(Frame(bytes(len(frame.data)), frame.pixels))

    scene.codecs.add([Careless(NEAR)], plugin="test")
    scene.on_store = answering(to=NEAR, loss=Loss(Measure.NEAR, 1))
    archive = scene.archive()
    outcome = send(archive, encoded(picture()))
    assert (outcome.status, outcome.sop_instance_uid) == (Status.SUCCESS, "1.2.3.4.1")
    assert read(archive).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def renaming(instance: IncomingInstance) -> Coercion:
    dataset = instance.dataset()
    dataset.PatientID = "NEW"
    return Coercion(dataset=dataset)


def test_a_header_is_changed_and_the_pixels_compressed(scene: Scene, archive: Archive) -> None:
    """B000H, for the header."""
    scene.on_store = lambda instance: Compression(to=RLE, coercion=renaming(instance))
    assert send(archive, encoded(picture())).status == Status.COERCION_OF_DATA_ELEMENTS
    kept = read(archive)
    assert (kept.PatientID, kept.file_meta.TransferSyntaxUID) == ("NEW", RLE)


def test_a_changed_header_stays_where_the_compression_fails(scene: Scene) -> None:
    scene.on_store = lambda instance: Compression(to=RLE, coercion=renaming(instance))
    archive = scene.archive()
    assert send(archive, encoded(picture())).status == Status.COERCION_OF_DATA_ELEMENTS
    kept = read(archive)
    assert (kept.PatientID, kept.file_meta.TransferSyntaxUID) == ("NEW", ExplicitVRLittleEndian)


def test_a_changed_header_that_cannot_be_kept_is_refused_all_the_same(
    scene: Scene, archive: Archive
) -> None:
    """Only the compression may fail without harm."""
    broken = Coercion(dataset=Dataset())
    scene.on_store = answering(coercion=broken)
    with pytest.raises(PluginError):
        send(archive, encoded(picture()))
    assert scene.storage.objects == {}


def test_an_anonymous_instance_does_not_name_its_sender_when_it_is_compressed(
    scene: Scene, archive: Archive
) -> None:
    scene.on_store = lambda instance: Compression(
        to=RLE, coercion=Coercion(dataset=instance.dataset(), anonymous=True)
    )
    send(archive, encoded(picture()))
    kept = read(archive)
    assert kept.file_meta.TransferSyntaxUID == RLE
    assert "SourceApplicationEntityTitle" not in kept.file_meta


def test_many_frames_take_the_memory_of_a_few(scene: Scene, archive: Archive) -> None:
    """40 MB go through files; 16 MiB of them are the frames that are gathered in memory."""
    sent = encoded(picture((500, 500), frames=80))
    tracemalloc.start()
    try:
        assert send(archive, sent, piece=1 << 20).status == Status.SUCCESS
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The storage of the tests keeps the object in memory, once while it is read and once stored.
    assert peak < 2 * len(sent) + (30 << 20)
    assert read(archive).file_meta.TransferSyntaxUID == RLE


@pytest.mark.parametrize(
    ("to", "loss"),
    [
        (str(ExplicitVRLittleEndian), None),
        ("1.2.840.10008.1.2.4.50", None),
        (NEAR, None),
        (RLE, Loss(Measure.NEAR, 1)),
        ("1.2.3", None),
    ],
)
def test_what_is_no_compression_cannot_be_asked_for(to: str, loss: Loss | None) -> None:
    with pytest.raises(ValueError, match="nothing is compressed with"):
        Compression(to=to, loss=loss)
