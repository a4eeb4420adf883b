"""The two sides of the tests: an archive with instances in it, and a node that receives them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_role
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.candidates import text_element
from pacs_framework.archive.incoming import Origin
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.network.listener import Listener
from pacs_framework.testing.memory_storage import MemoryStorage

CT = str(CTImageStorage)
MR = "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT, IMPLICIT = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)
RLE = "1.2.840.10008.1.2.5"
J2K = "1.2.840.10008.1.2.4.90"
SYNTAXES = [EXPLICIT, IMPLICIT]


def keys(**wanted: str) -> Dataset:
    """A data set of text values, whatever they hold."""
    dataset = Dataset()
    for keyword, text in wanted.items():
        tag = tag_for_keyword(keyword)
        dataset[tag] = text_element(tag, dictionary_VR(tag), text)
    return dataset


def pixels(syntax: str) -> bytes:
    """Pixel data as its transfer syntax has it: an encapsulated frame, or none."""
    if syntax in SYNTAXES:
        return b""
    frame = bytes(range(256)) * 40
    start = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    items += struct.pack("<HHI", 0xFFFE, 0xE000, len(frame)) + frame
    return start + items + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


@dataclass
class Node:
    """The archive under test."""

    archive: Archive
    storage: MemoryStorage
    listener: Listener
    sent: dict[str, bytes] = field(default_factory=dict)

    def store(
        self,
        uid: str,
        *,
        sop_class: str = CT,
        syntax: str = EXPLICIT,
        data: bytes = b"",
        **attributes: str,
    ) -> str:
        """Keep an instance ``study.series.number``; its SOP Instance UID."""
        study, series, number = uid.split(".")
        values = {
            "PatientID": "P1",
            "PatientName": "Doe^John",
            "StudyInstanceUID": f"1.2.{study}",
            "SeriesInstanceUID": f"1.2.{study}.{series}",
            "SOPInstanceUID": f"1.2.{study}.{series}.{number}",
            "SOPClassUID": sop_class,
            "Modality": "CT",
            "InstanceNumber": number,
        }
        header_syntax = syntax if syntax in SYNTAXES else EXPLICIT
        data = data or encode_identifier(keys(**values | attributes), header_syntax) + pixels(
            syntax
        )
        meta = FileMeta(
            sop_class_uid=sop_class,
            sop_instance_uid=values["SOPInstanceUID"],
            transfer_syntax_uid=syntax,
        )
        with self.archive.receive(Origin(door="test"), meta) as reception:
            reception.write(data)
            reception.commit()
        self.sent[meta.sop_instance_uid] = data
        return meta.sop_instance_uid

    @contextmanager
    def association(
        self,
        *models: str,
        getting: Mapping[str, Iterable[str]] | None = None,
        extended: Mapping[str, bytes] | None = None,
        handlers: Iterable[tuple[object, Callable[..., object]]] = (),
    ) -> Iterator[Association]:
        """An association of pynetdicom, which also takes C-STORE of what is in ``getting``."""
        ae = AE("REQUESTOR")
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 30
        for model in models:
            ae.add_requested_context(model, SYNTAXES)
        negotiation: list[object] = []
        for sop_class, syntaxes in (getting or {}).items():
            ae.add_requested_context(sop_class, list(syntaxes))
            negotiation.append(build_role(sop_class, scp_role=True))
        for model, information in (extended or {}).items():
            item = SOPClassExtendedNegotiation()
            item.sop_class_uid, item.service_class_application_information = model, information
            negotiation.append(item)
        association = ae.associate(
            *self.listener.address, ext_neg=negotiation, evt_handlers=list(handlers)
        )
        assert association.is_established
        try:
            yield association
            association.release()
        finally:
            if association.is_established:
                association.abort()
