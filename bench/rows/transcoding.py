"""C-GET of compressed images by a receiver that takes native pixels only."""

from __future__ import annotations

import io
from collections.abc import Iterator

from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE

from bench.client import tasks
from bench.data import Uids, instances, kind_named
from bench.peers import Peer
from bench.rows.base import Bench, Measured, NotMeasured, Row
from bench.rows.codecs import phantom
from pacs_framework.app import configure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.syntaxes import named_syntax, syntax_name
from pacs_framework.codecs.transcoding import Transcoding

__all__ = ["ROWS"]

_IMAGES = 100
_PIXELS = PixelFormat(rows=512, columns=512, bits_allocated=16, bits_stored=12)


class TranscodingGet(Row):
    """A study of one syntax, retrieved as explicit VR little endian."""

    unit = "/s"
    higher_is_better = True
    peers = ("ours", "orthanc")
    repeats = 5
    quick_patience = 10.0

    def __init__(self, syntax: str) -> None:
        self._syntax = named_syntax(syntax)
        self.name = f"get-{syntax}"
        self.title = f"C-GET {_IMAGES} CT, {syntax_name(self._syntax)} sent native"

    def prepare(self, bench: Bench, peer: Peer) -> None:
        """The study has to be there."""
        if self.name not in peer.state:
            run = bench.unique(self.name)
            _send(peer, _compressed(run, self._syntax), self._syntax)
            peer.state[self.name] = Uids(run)[0]

    def measure(self, bench: Bench, peer: Peer) -> Measured:
        """From the request to the final response; every image has to arrive."""
        keys = {"StudyInstanceUID": peer.state[self.name]}
        sample = bench.client.run(tasks.get, peer.address, CTImageStorage, keys)
        if sample.count != _IMAGES:
            raise NotMeasured(f"{sample.count} of {_IMAGES} images arrived")
        return Measured.rate(sample)


def _compressed(run: str, syntax: str) -> Iterator[Dataset]:
    """CT images of one study, in ``syntax``."""
    registry = configure(None, {}).codec_registry()
    transcoding = Transcoding(registry, encoder=registry)
    pixels = phantom(_PIXELS)
    for instance in instances(kind_named("ct"), Uids(run), _IMAGES):
        native = io.BytesIO(_with_bits_stored(instance.head) + pixels)
        yield _read(transcoding.convert(native, ExplicitVRLittleEndian, syntax), syntax)


def _with_bits_stored(head: bytes) -> bytes:
    """The images of the bench say 16 bits; those of a scanner have 12."""
    for element, before, after in ((0x0101, 16, 12), (0x0102, 15, 11)):
        tag = b"\x28\0" + element.to_bytes(2, "little") + b"US\2\0"
        old = tag + before.to_bytes(2, "little")
        assert old in head
        head = head.replace(old, tag + after.to_bytes(2, "little"))
    return head


def _read(pieces: Iterator[bytes], syntax: str) -> Dataset:
    made = dcmread(io.BytesIO(b"".join(pieces)), force=True)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    return made


def _send(peer: Peer, images: Iterator[Dataset], syntax: str) -> None:
    ae = AE(ae_title="BENCH")
    ae.add_requested_context(CTImageStorage, syntax)
    address = peer.address
    association = ae.associate(address.host, address.port, ae_title=address.aet)
    if not association.is_established:
        raise NotMeasured(f"does not take {syntax_name(syntax)}")
    try:
        for image in images:
            status = association.send_c_store(image)
            if "Status" not in status or status.Status:
                raise ValueError(f"an image was answered {status}")
    finally:
        association.release()


ROWS: list[Row] = [TranscodingGet("jpeg2000"), TranscodingGet("jpeg-lossless")]
