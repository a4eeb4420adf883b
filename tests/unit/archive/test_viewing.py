"""Views: judged before anything goes out, read no further than needed, nothing left open."""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.incoming import Coercion, Refusal
from pacs_framework.archive.outgoing import OutgoingInstance, Recipient, RetrieveAnswer
from pacs_framework.archive.retrieve import OpenInstance, StoredInstance
from pacs_framework.archive.viewing import Views
from pacs_framework.config import PluginsSettings
from pacs_framework.dicom.rewrite import encode_header
from pacs_framework.errors import PluginError, RefusedByPolicy, StorageError, UnreadableInstance
from pacs_framework.hookspecs import hookimpl
from pacs_framework.plugins import PluginSet
from pacs_framework.testing.instances import make_instance

MIB = 1 << 20
SYNTAX = str(ExplicitVRLittleEndian)
RECIPIENT = Recipient(door="get", aet="TRIAL")


@dataclass
class Source:
    """A data set of a header and ``pixels`` bytes of zeros, made as they are read."""

    header: bytes
    pixels: int = 0
    read_bytes: int = 0
    closed: bool = False
    fails: bool = False
    _start: io.BytesIO = field(init=False)

    def __post_init__(self) -> None:
        pixel_data = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, self.pixels)
        self._start = io.BytesIO(self.header + pixel_data)
        self._left = self.pixels

    def read(self, size: int = -1, /) -> bytes:
        assert size >= 0, "all of it at once"
        if self.fails:
            raise StorageError("the disk is gone")
        block = self._start.read(size)
        zeros = min(size - len(block), self._left)
        self._left -= zeros
        self.read_bytes += len(block) + zeros
        return block + bytes(zeros)

    def close(self) -> None:
        self.closed = True


def header(**attributes: object) -> bytes:
    dataset = make_instance(PixelData=None, **attributes)
    return encode_header(dataset, SYNTAX)


def stored(uid: str = "1.2.3") -> StoredInstance:
    return StoredInstance(
        sop_class_uid=str(CTImageStorage),
        sop_instance_uid=uid,
        transfer_syntax_uid=SYNTAX,
        storage_key="key",
        dataset_offset=0,
        size=1,
    )


def views(source: Source, judge: Callable[[OutgoingInstance], RetrieveAnswer]) -> Views:
    return Views(lambda one: OpenInstance(instance=one, data=source), judge, RECIPIENT)


def renamed(instance: OutgoingInstance) -> Coercion:
    dataset = instance.dataset()
    dataset.PatientName = "A^View"
    dataset.SOPInstanceUID = "1.2.3.4"
    return Coercion(dataset=dataset)


def test_the_pixels_of_a_view_stream_from_the_storage() -> None:
    """To be opened, no more than a block is read; then no more than what is taken."""
    source = Source(header(), pixels=64 * MIB)
    opened = views(source, renamed).open(stored())
    assert source.read_bytes <= MIB
    taken, buffer, most = 0, bytearray(1 << 16), 0
    while size := opened.data.readinto(buffer):
        taken += size
        most = max(most, source.read_bytes - taken)
    assert taken > 64 * MIB
    assert most <= MIB
    opened.data.close()
    assert source.closed


def test_the_uids_of_a_view_are_its_own() -> None:
    opened = views(Source(header()), renamed).open(stored())
    assert opened.instance.sop_instance_uid == "1.2.3.4"
    assert opened.instance.sop_class_uid == CTImageStorage
    assert opened.instance.storage_key == "key"


def test_what_nobody_looked_at_is_not_read() -> None:
    """The very source of the storage is sent, with all that it can do."""
    source = Source(header())
    opened = views(source, lambda _: None).open(stored())
    assert opened.data is source
    assert source.read_bytes == 0


def test_what_was_looked_at_is_sent_from_its_start() -> None:
    bytes_of_header = header(PatientID="P7")
    source = Source(bytes_of_header, pixels=3 * MIB)
    seen: list[str] = []

    def judge(instance: OutgoingInstance) -> None:
        seen.append(instance.attributes["PatientID"] + instance.dataset().PatientID)

    with views(source, judge).open(stored()).data as data:
        got = b"".join(iter(lambda: data.read(MIB), b""))
    assert seen == ["P7P7"]
    assert got == Source(bytes_of_header, pixels=3 * MIB).read(4 * MIB)


@pytest.mark.parametrize(
    ("judge", "error"),
    [
        (lambda _: Refusal(reason="no"), RefusedByPolicy),
        (lambda _: Coercion(dataset=Dataset()), PluginError),
    ],
)
def test_what_may_not_be_sent_is_closed(judge, error) -> None:
    source = Source(header())
    with pytest.raises(error):
        views(source, judge).open(stored())
    assert source.closed


@pytest.mark.parametrize("fails", ["storage", "header"])
def test_a_header_that_cannot_be_read_is_never_sent(fails: str) -> None:
    """Even where the plugin that looked at it says nothing of it."""
    source = Source(b"\x08\x00\x05\x00??\xff\xff" * 40) if fails == "header" else Source(header())
    source.fails = fails == "storage"

    def careless(instance: OutgoingInstance) -> None:
        with pytest.raises((UnreadableInstance, StorageError)):
            instance.dataset()

    with pytest.raises((UnreadableInstance, StorageError)):
        views(source, careless).open(stored())
    assert source.closed


def test_a_hook_that_comes_late_gets_nothing_of_what_is_on_its_way() -> None:
    kept: list[OutgoingInstance] = []
    source = Source(header())
    views(source, kept.append).open(stored())
    with pytest.raises(StorageError, match="judged before"):
        kept[0].dataset()
    assert source.read_bytes == 0


def test_without_a_plugin_that_has_a_say_or_a_correction_it_costs_nothing(
    archive: Archive,
) -> None:
    assert archive.retrieve.opener(RECIPIENT) is archive.retrieve
    idle = SimpleNamespace(
        idle_hooks=hookimpl(lambda: ("on_retrieve",)), on_retrieve=hookimpl(lambda: None)
    )
    assert not PluginSet.with_local({"idle": idle}).decides_on_retrieve


# --- how plugins are asked -----------------------------------------------------------------------


def plugins(**hooks: Callable[..., object]) -> PluginSet:
    return PluginSet.with_local(
        {name: SimpleNamespace(on_retrieve=hookimpl(hook)) for name, hook in hooks.items()}
    )


def outgoing() -> OutgoingInstance:
    return OutgoingInstance(
        recipient=RECIPIENT,
        sop_class_uid=str(CTImageStorage),
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=SYNTAX,
        size=1,
        attributes={},
        load_dataset=lambda: make_instance(PixelData=None),
    )


def test_the_first_refusal_ends_it_and_a_failure_is_one() -> None:
    def asked() -> None:
        raise AssertionError("asked")

    refusal = Refusal(reason="no")
    decided = plugins(a=lambda: None, b=lambda: refusal, c=asked)
    assert decided.decides_on_retrieve
    assert decided.decide_retrieve(outgoing()) is refusal
    answer = plugins(a=asked).decide_retrieve(outgoing())
    assert isinstance(answer, Refusal)
    assert answer.reason == "a plugin failed on this instance"


def test_a_hook_that_hangs_refuses() -> None:
    gate = threading.Event()

    def hangs() -> None:
        gate.wait()

    limits = PluginsSettings(limits={"hangs": {"decide_seconds": 0.05}})
    body = SimpleNamespace(on_retrieve=hookimpl(hangs))
    hanging = PluginSet.with_local({"hangs": body}, limits=limits)
    try:
        answer = hanging.decide_retrieve(outgoing())
    finally:
        gate.set()
        hanging.close()
    assert isinstance(answer, Refusal)
