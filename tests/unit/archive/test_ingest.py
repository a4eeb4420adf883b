"""The door: what is kept, what is refused, and that nothing is left of what failed."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.incoming import Coercion, IncomingInstance, Refusal
from pacs_framework.archive.recovery import recover
from pacs_framework.archive.verify import verify
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.inflate import deflate
from pacs_framework.dicom.part10 import make_prefix
from pacs_framework.dicom.status import Status
from pacs_framework.errors import (
    DuplicateInstance,
    IndexUnavailable,
    MismatchedInstance,
    ObjectNotFound,
    OutOfResources,
    PacsError,
    PluginError,
    RefusedByPolicy,
    StorageError,
    UnreadableInstance,
)
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.entry import DuplicatePolicy, StoredAs
from pacs_framework.testing.arrivals import ORIGIN, announced, encoded, mr_image, send
from pacs_framework.testing.scene import Scene

LARGE = bytes(range(256)) * 200  # more than the spool of the tests takes


def nothing_is_left(scene: Scene, archive: Archive) -> None:
    """No object, no row, no change, no staged file, and nothing for the next start."""
    assert scene.storage.objects == {}
    assert archive.lookup.count() == 0
    assert ChangeReader(scene.database).last() == 0
    assert scene.staged() == []
    scene.close(archive)
    assert list((scene.data / "journal").iterdir()) == []


def stored_dataset(archive: Archive, uid: str = "1.2.3.4.1") -> bytes:
    with archive.open(uid).dataset as source:
        return source.read()


@pytest.mark.parametrize("pixels", [b"\1\2" * 10, LARGE], ids=["in memory", "through a file"])
def test_the_data_set_comes_back_byte_for_byte(archive: Archive, pixels: bytes) -> None:
    """Durable and indexed, with its digest, and as a DICOM file with the sender's AE title."""
    data = encoded(mr_image(pixels=pixels))
    outcome = send(archive, data)
    assert (outcome.status, outcome.comment) == (Status.SUCCESS, "")
    assert outcome.outcome is StoredAs.NEW
    opened = archive.open("1.2.3.4.1")
    with opened.dataset as source:
        assert source.read() == data
    assert opened.facts.dataset_digest == hashlib.sha256(data).digest()
    assert opened.facts.size == opened.facts.dataset_offset + len(data)
    with archive.open_file("1.2.3.4.1") as file:
        read = dcmread(file)
    assert read.PatientName == "Doe^Jane"
    assert read.file_meta.SourceApplicationEntityTitle == "MODALITY"


@pytest.mark.parametrize(
    ("changed", "meta", "error", "message"),
    [
        ({}, {"sop_instance_uid": "9.9"}, MismatchedInstance, "announced SOPInstanceUID '9.9'"),
        ({}, {"sop_class_uid": CTImageStorage}, MismatchedInstance, "announced SOPClassUID"),
        ({"StudyInstanceUID": None}, {}, MismatchedInstance, "StudyInstanceUID is missing"),
        ({"SeriesInstanceUID": ""}, {}, MismatchedInstance, "SeriesInstanceUID is missing"),
        ({"SOPInstanceUID": None}, {}, MismatchedInstance, "SOPInstanceUID is missing"),
        ({"StudyInstanceUID": "../../1"}, {}, MismatchedInstance, "'../../1' is no UID"),
        ({"SeriesInstanceUID": "1." * 40 + "1"}, {}, MismatchedInstance, "is no UID"),
        ({"PatientID": "x" * 300}, {}, UnreadableInstance, "PatientID has 300 characters"),
    ],
)
def test_what_does_not_hold_what_was_announced_is_refused(
    scene: Scene,
    archive: Archive,
    changed: dict[str, str | None],
    meta: dict[str, str],
    error: type[PacsError],
    message: str,
) -> None:
    """A900H for a data set that does not match, C000H for one that cannot be understood."""
    ds = mr_image(**changed)
    with pytest.raises(error, match=message) as caught:
        send(archive, encoded(ds), announced(**meta))
    expected = {MismatchedInstance: 0xA900, UnreadableInstance: 0xC000}[error]
    assert caught.value.status == expected
    nothing_is_left(scene, archive)


@pytest.mark.parametrize("cut", [1, 7, 100])
@pytest.mark.parametrize("pixels", [b"\1\2" * 100, LARGE], ids=["in memory", "through a file"])
def test_a_truncated_data_set_cannot_be_understood(
    scene: Scene, archive: Archive, cut: int, pixels: bytes
) -> None:
    with pytest.raises(UnreadableInstance) as caught:
        send(archive, encoded(mr_image(pixels=pixels))[:-cut])
    assert caught.value.status == Status.CANNOT_UNDERSTAND
    nothing_is_left(scene, archive)


@pytest.mark.parametrize(("number", "value"), [(0x10, "1.2.840.10008.1.2"), (0x10, "x"), (3, "1")])
def test_a_data_set_with_file_meta_information_is_refused(
    scene: Scene, archive: Archive, number: int, value: str
) -> None:
    """Behind the prefix of a file it would be taken for more of that (PS3.5 7.1)."""
    element = struct.pack("<HH2sH", 2, number, b"UI", len(value)) + value.encode()
    with pytest.raises(UnreadableInstance, match="begins with group 0002") as caught:
        send(archive, element + encoded(mr_image()))
    assert caught.value.status == 0xC000
    nothing_is_left(scene, archive)


def test_what_was_taken_in_can_be_read_back_though_a_uid_stands_there_twice(
    scene: Scene, archive: Archive
) -> None:
    """What the door believes, whoever makes the index anew has to believe too."""
    twice = struct.pack("<HH2sH", 8, 0x18, b"UI", 4) + b"1.2\0"
    assert send(archive, twice + encoded(mr_image())).status == Status.SUCCESS
    assert list(verify(archive)) == []
    (key,) = scene.storage.objects
    assert archive.objects.entry(key, ORIGIN).attributes["SOPInstanceUID"] == "1.2.3.4.1"


@pytest.mark.parametrize("size", [10, len(LARGE)])
def test_a_sender_that_breaks_off_leaves_nothing(scene: Scene, archive: Archive, size: int) -> None:
    with archive.receive(ORIGIN, announced()) as reception:
        reception.write(memoryview(LARGE)[:size])
    nothing_is_left(scene, archive)


def test_a_refusal_carries_its_status_and_reason(scene: Scene, archive: Archive) -> None:
    scene.on_store = lambda instance: Refusal(
        reason=f"no {instance.attributes['Modality']}", status=Status.OUT_OF_RESOURCES
    )
    with pytest.raises(RefusedByPolicy, match="no MR") as caught:
        send(archive, encoded(mr_image()))
    assert caught.value.status == Status.OUT_OF_RESOURCES
    nothing_is_left(scene, archive)


def test_a_decision_that_raises_keeps_nothing(scene: Scene, archive: Archive) -> None:
    def fail(_: IncomingInstance) -> None:
        raise RuntimeError("a bug")

    scene.on_store = fail
    with pytest.raises(RuntimeError):
        send(archive, encoded(mr_image()))
    nothing_is_left(scene, archive)


def coercing(change: Callable[[Dataset], None]) -> Callable[[IncomingInstance], Coercion]:
    def answer(instance: IncomingInstance) -> Coercion:
        ds = instance.dataset()
        with disable_value_validation():
            change(ds)
        return Coercion(dataset=ds)

    return answer


@pytest.mark.parametrize("pixels", [b"\1\2" * 10, LARGE], ids=["in memory", "through a file"])
def test_a_coercion_changes_the_header_and_not_the_pixels(
    scene: Scene, archive: Archive, pixels: bytes
) -> None:
    """The peer gets B000H; index and digest are those of what is kept."""
    scene.on_store = coercing(lambda ds: setattr(ds, "PatientID", "CHANGED"))
    outcome = send(archive, encoded(mr_image(pixels=pixels)))
    assert outcome.status == Status.COERCION_OF_DATA_ELEMENTS
    kept = stored_dataset(archive)
    assert kept == encoded(mr_image(pixels=pixels, PatientID="CHANGED"))
    facts = archive.lookup.instance("1.2.3.4.1")
    assert facts is not None
    assert facts.patient_id == "CHANGED"
    assert facts.dataset_digest == hashlib.sha256(kept).digest()
    assert scene.staged() == []
    assert list(verify(archive)) == []


def test_a_deflated_instance_is_coerced_too(scene: Scene, archive: Archive) -> None:
    scene.on_store = coercing(lambda ds: setattr(ds, "PatientID", "CHANGED"))
    data = b"".join(deflate([encoded(mr_image(pixels=LARGE))]))
    meta = announced(transfer_syntax_uid=str(DeflatedExplicitVRLittleEndian))
    assert send(archive, data, meta).status == Status.COERCION_OF_DATA_ELEMENTS
    with archive.open_file("1.2.3.4.1") as file:
        read = dcmread(file)
    assert read.PatientID == "CHANGED"
    assert read.PixelData == LARGE


def identified(syntax: str, pixels: bytes) -> bytes:
    """An image that names the patient behind its pixel data, too."""
    ds = mr_image(pixels=pixels)
    if syntax == JPEGBaseline8Bit:
        ds.PixelData = encapsulate([pixels])
        ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.private_block(0x7FE1, "HOUSE", create=True).add_new(1, "LO", "Doe^Jane")
    ds.add_new(0xFFFCFFFC, "OB", b"Doe^Jane")
    return encode_identifier(ds, syntax)


def de_identify(instance: IncomingInstance) -> Coercion:
    ds = instance.dataset()
    ds.PatientName, ds.PatientID = "Anon", "A1"
    return Coercion(dataset=ds, anonymous=True)


@pytest.mark.parametrize("pixels", [b"\1\2" * 10, LARGE], ids=["in memory", "through a file"])
@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        JPEGBaseline8Bit,
    ],
    ids=["explicit", "big endian", "deflated", "encapsulated"],
)
def test_of_an_anonymous_instance_nothing_but_the_pixels_is_kept(
    scene: Scene, archive: Archive, tmp_path: Path, pixels: bytes, syntax: str
) -> None:
    """Neither what followed them, nor the preamble, nor who sent it (PS3.15 E.1.1)."""
    data = identified(syntax, pixels)
    meta = announced(transfer_syntax_uid=str(syntax))
    arriving = tmp_path / "arriving.dcm"
    prefix = b"Doe^Jane".ljust(128, b"\0") + make_prefix(meta, source_aet="MODALITY")[128:]
    arriving.write_bytes(prefix + data)
    scene.on_store = de_identify
    outcome = archive.import_file(arriving, ORIGIN)
    assert outcome.status == Status.COERCION_OF_DATA_ELEMENTS
    with archive.open_file("1.2.3.4.1") as file:
        read = dcmread(file)
    assert max(read.keys()) == 0x7FE00010
    assert read.PixelData == dcmread(arriving).PixelData
    assert read.PatientName == "Anon"
    assert "SourceApplicationEntityTitle" not in read.file_meta
    ((kept, _),) = scene.storage.objects.values()
    assert not [word for word in (b"Doe", b"Jane", b"MODALITY") if word in kept]
    assert scene.staged() == []
    assert list(verify(archive)) == []


def test_an_anonymous_instance_from_the_wire_does_not_name_its_sender(
    scene: Scene, archive: Archive
) -> None:
    scene.on_store = de_identify
    assert send(archive, encoded(mr_image())).status == Status.COERCION_OF_DATA_ELEMENTS
    with archive.open_file("1.2.3.4.1") as file:
        assert "SourceApplicationEntityTitle" not in dcmread(file).file_meta


def test_uids_that_a_plugin_changed_hold(scene: Scene, archive: Archive) -> None:
    """In the index, in the prefix and in the outcome."""
    scene.on_store = coercing(lambda ds: setattr(ds, "SOPInstanceUID", "7.7.7"))
    outcome = send(archive, encoded(mr_image()))
    assert outcome.sop_instance_uid == "7.7.7"
    assert archive.lookup.instance("1.2.3.4.1") is None
    with archive.open_file("7.7.7") as file:
        assert dcmread(file).file_meta.MediaStorageSOPInstanceUID == "7.7.7"
    assert list(verify(archive)) == []


@pytest.mark.parametrize("pixels", [b"\1\2", LARGE], ids=["in memory", "through a file"])
@pytest.mark.parametrize("uid", ["", "../x"])
def test_a_coercion_into_no_instance_is_the_plugins_failure(
    scene: Scene, archive: Archive, uid: str, pixels: bytes
) -> None:
    scene.on_store = coercing(lambda ds: setattr(ds, "SOPInstanceUID", uid))
    with pytest.raises(PluginError, match="a plugin's coercion cannot be kept") as caught:
        send(archive, encoded(mr_image(pixels=pixels)))
    assert caught.value.status == Status.PROCESSING_FAILURE
    nothing_is_left(scene, archive)


def test_the_same_bytes_again_are_a_success_and_one_object(scene: Scene, archive: Archive) -> None:
    data = encoded(mr_image())
    send(archive, data)
    again = send(archive, data)
    assert (again.status, again.outcome) == (Status.SUCCESS, StoredAs.IDENTICAL)
    assert len(scene.storage.objects) == 1
    assert ChangeReader(scene.database).last() == 1
    assert list(verify(archive)) == []


def test_other_bytes_that_were_not_kept_are_never_a_plain_success(
    scene: Scene, archive: Archive
) -> None:
    first = encoded(mr_image())
    send(archive, first)
    again = send(archive, encoded(mr_image(PatientName="Other")))
    assert again.status == Status.COERCION_OF_DATA_ELEMENTS
    assert "was here before and stays" in again.comment
    assert len(again.comment) <= 64
    assert stored_dataset(archive) == first
    assert len(scene.storage.objects) == 1


def test_replace_deletes_the_old_object_after_the_commit(scene: Scene) -> None:
    archive = scene.archive(DuplicatePolicy.REPLACE)
    send(archive, encoded(mr_image()))
    (old,) = scene.storage.objects
    second = encoded(mr_image(PatientName="Other", pixels=LARGE))
    assert send(archive, second).outcome is StoredAs.REPLACED
    assert stored_dataset(archive) == second
    assert len(scene.storage.objects) == 1
    assert old not in scene.storage.objects
    assert list(verify(archive)) == []


def test_reject_keeps_the_first_and_drops_the_second(scene: Scene) -> None:
    archive = scene.archive(DuplicatePolicy.REJECT)
    first = encoded(mr_image())
    send(archive, first)
    with pytest.raises(DuplicateInstance) as caught:
        send(archive, first)
    assert caught.value.status == Status.DUPLICATE_SOP_INSTANCE
    assert len(scene.storage.objects) == 1
    assert stored_dataset(archive) == first


@pytest.mark.parametrize("pixels", [b"\1\2", LARGE], ids=["in memory", "through a file"])
@pytest.mark.parametrize("step", ["begin", "write", "commit", "committed"])
def test_a_storage_that_fails_at_any_step_leaves_nothing(
    scene: Scene, archive: Archive, step: str, pixels: bytes
) -> None:
    scene.storage.before = failing(step, OutOfResources("full"))
    with pytest.raises(OutOfResources) as caught:
        send(archive, encoded(mr_image(pixels=pixels)))
    assert caught.value.status == Status.OUT_OF_RESOURCES
    nothing_is_left(scene, archive)


@pytest.mark.parametrize("statement", ["_insert", "_insert_change"])
def test_an_index_that_fails_before_its_commit_leaves_nothing(
    scene: Scene, archive: Archive, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = scene.database.dialect.loaded_dbapi.OperationalError("away")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(getattr(archive.writer._recorder, statement), "run_rows", fail)
    with pytest.raises(IndexUnavailable) as caught:
        send(archive, encoded(mr_image()))
    assert caught.value.status == Status.OUT_OF_RESOURCES
    nothing_is_left(scene, archive)


def test_an_index_that_committed_and_then_failed_keeps_the_object(
    scene: Scene, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender hears of a failure, and what the index names is there all the same."""
    store = archive.writer.store

    def fail_after(entry: object, **_: object) -> None:
        store(entry)  # type: ignore[arg-type]
        raise IndexUnavailable("the answer was lost")

    monkeypatch.setattr(archive.writer, "store", fail_after)
    with pytest.raises(IndexUnavailable):
        send(archive, encoded(mr_image()))
    assert len(scene.storage.objects) == 1
    assert list(verify(archive)) == []
    scene.close(archive)
    assert list((scene.data / "journal").iterdir()) == []


def test_an_object_that_cannot_be_deleted_is_left_to_the_next_start(scene: Scene) -> None:
    """The sender has its answer; nothing is forgotten."""
    archive = scene.archive()
    send(archive, encoded(mr_image()))
    scene.storage.before = failing("delete", StorageError("read-only"))
    assert send(archive, encoded(mr_image(PatientName="x"))).outcome is StoredAs.IGNORED
    assert len(scene.storage.objects) == 2
    scene.close(archive)
    scene.storage.before = lambda _: None
    again = scene.archive()
    assert recover(again).removed == 1
    assert len(scene.storage.objects) == 1
    assert list(verify(again)) == []


def test_a_replaced_object_that_cannot_be_deleted_is_left_to_the_next_start(scene: Scene) -> None:
    archive = scene.archive(DuplicatePolicy.REPLACE)
    send(archive, encoded(mr_image()))
    scene.storage.before = failing("delete", StorageError("read-only"))
    assert send(archive, encoded(mr_image(PatientName="x"))).status == Status.SUCCESS
    assert len(scene.storage.objects) == 2
    scene.close(archive)
    scene.storage.before = lambda _: None
    again = scene.archive()
    assert recover(again).replaced == 1
    assert len(scene.storage.objects) == 1
    send(again, encoded(mr_image(2)), announced(2))
    assert again.lookup.obsolete() == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_even_an_interruption_leaves_nothing(
    scene: Scene, archive: Archive, error: type[BaseException]
) -> None:
    scene.storage.before = failing("commit", error())
    with pytest.raises(error):
        send(archive, encoded(mr_image()))
    nothing_is_left(scene, archive)


@pytest.mark.parametrize(
    "name", ["MR_small.dcm", "CT_small.dcm", "JPEG-lossy.dcm", "MR_small_RLE.dcm"]
)
def test_an_imported_file_is_kept_with_its_own_prefix(archive: Archive, name: str) -> None:
    """To the last bit, and the file itself stays where it is."""
    path = Path(get_testdata_file(name, download=False))
    before = path.read_bytes()
    outcome = archive.import_file(path, ORIGIN)
    assert outcome.status == Status.SUCCESS
    with archive.open_file(outcome.sop_instance_uid) as file:
        assert file.read() == before
    assert path.read_bytes() == before
    assert list(verify(archive)) == []


def test_a_file_without_a_prefix_gets_one(archive: Archive, tmp_path: Path) -> None:
    data = encoded(mr_image())
    path = tmp_path / "bare"
    path.write_bytes(data)
    archive.import_file(path, ORIGIN)
    assert stored_dataset(archive) == data
    with archive.open_file("1.2.3.4.1") as file:
        assert dcmread(file).PatientID == "P1"


def test_a_file_that_is_none_of_dicom_is_refused(
    scene: Scene, archive: Archive, tmp_path: Path
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not an image\n" * 100)
    with pytest.raises(UnreadableInstance):
        archive.import_file(path, ORIGIN)
    nothing_is_left(scene, archive)


def test_plugins_see_what_the_instance_says_and_a_copy_of_its_header(
    scene: Scene, archive: Archive
) -> None:
    seen: list[IncomingInstance] = []
    scene.on_store = lambda instance: seen.append(instance) or instance.dataset().clear()
    data = encoded(mr_image(pixels=LARGE))
    send(archive, data)
    (instance,) = seen
    assert instance.attributes["PatientName"] == "Doe^Jane"
    assert instance.size == len(data)
    assert instance.origin == ORIGIN
    assert stored_dataset(archive) == data


def test_unknown_text_never_stops_an_instance(archive: Archive) -> None:
    """NUL and bytes that no character set explains are kept in the data set, not in the index."""
    ds = mr_image(SpecificCharacterSet="ISO_IR 192")
    data = encoded(ds).replace(b"Doe^Jane", b"D\xff\x00^Jan\xfe")
    assert send(archive, data).status == Status.SUCCESS
    assert stored_dataset(archive) == data


def test_an_instance_that_is_not_there_cannot_be_opened(archive: Archive) -> None:
    with pytest.raises(ObjectNotFound, match=r"no instance '1\.2\.9' in the archive"):
        archive.open("1.2.9")


def test_opening_follows_a_replacement(scene: Scene) -> None:
    """Between the look-up and the opening another process may replace the instance."""
    archive = scene.archive(DuplicatePolicy.REPLACE)
    send(archive, encoded(mr_image()))
    second = encoded(mr_image(PatientName="Other"))

    def replace_first(step: str) -> None:
        if step == "open":
            scene.storage.before = lambda _: None
            send(archive, second)

    scene.storage.before = replace_first
    assert stored_dataset(archive) == second


def test_the_transfer_syntax_is_that_of_the_presentation_context(archive: Archive) -> None:
    """A compressed instance is kept as it is, and said to be what it is."""
    path = get_testdata_file("JPEG-lossy.dcm", download=False)
    outcome = archive.import_file(Path(path), ORIGIN)
    facts = archive.lookup.instance(outcome.sop_instance_uid)
    assert facts is not None
    assert facts.transfer_syntax_uid in (JPEGBaseline8Bit, "1.2.840.10008.1.2.4.51")


def failing(step: str, error: BaseException) -> Callable[[str], None]:
    def before(reached: str) -> None:
        if reached == step:
            raise error

    return before
