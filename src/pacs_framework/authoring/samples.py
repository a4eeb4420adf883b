"""What hooks are called with when a plugin is checked: requests and instances of many shapes."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import sop_class

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.changes import Change, ChangeKind
from pacs_framework.archive.incoming import IncomingInstance, Origin
from pacs_framework.archive.outgoing import OutgoingInstance, Recipient
from pacs_framework.index.database import open_database
from pacs_framework.network.decisions import AssociationRequest, ProposedContext, UserIdentity
from pacs_framework.network.peers import PeerBook
from pacs_framework.plugins import PluginSet
from pacs_framework.plugins.coerced import indexed_text
from pacs_framework.tables import OpenTables
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_framework.testing.memory_storage import MemoryStorage

__all__ = ["association_requests", "change", "instances", "outgoing", "stored_archive"]

_ORIGIN = Origin(door="dimse", calling_aet="MODALITY", called_aet="PACS", address="127.0.0.1")
_RECIPIENT = Recipient(
    door="get", aet="WORKSTATION", calling_aet="WORKSTATION", called_aet="PACS", address="127.0.0.1"
)
_BARE = ("PatientID", "PatientName", "StudyDate", "Modality", "PixelData")
_NOTHING: dict[str, Any] = dict.fromkeys(_BARE)
_EMPTY: dict[str, Any] = dict.fromkeys(_BARE[:-1], "")


def instances() -> Mapping[str, IncomingInstance]:
    """By a word on its shape: whatever passes the header scan may come to ``on_store``."""
    return {
        **{shape: _incoming(dataset) for shape, dataset in _datasets().items()},
        "an import": _incoming(mr_image(), Origin(door="import")),
    }


def outgoing() -> Mapping[str, OutgoingInstance]:
    """By a word on its shape: whatever is stored may come to ``on_retrieve``."""
    return {
        **{shape: _outgoing(dataset) for shape, dataset in _datasets().items()},
        "one that nobody asked for": _outgoing(
            mr_image(), Recipient(door="forward", aet="ELSEWHERE")
        ),
    }


def _datasets() -> Mapping[str, Dataset]:
    return {
        "an ordinary one": mr_image(),
        "one with UIDs alone": mr_image(**_NOTHING),
        "one with empty values": mr_image(**_EMPTY),
        "one in UTF-8": mr_image(
            SpecificCharacterSet="ISO_IR 192", PatientName="Ærø^Zoë=山田^太郎"
        ),
    }


def _outgoing(dataset: Dataset, recipient: Recipient = _RECIPIENT) -> OutgoingInstance:
    return OutgoingInstance(
        recipient=recipient,
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        transfer_syntax_uid=str(ExplicitVRLittleEndian),
        size=len(encoded(dataset)),
        attributes=indexed_text(dataset),
        load_dataset=lambda: copy.deepcopy(dataset),
    )


def _incoming(dataset: Dataset, origin: Origin = _ORIGIN) -> IncomingInstance:
    return IncomingInstance(
        origin=origin,
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        transfer_syntax_uid=str(ExplicitVRLittleEndian),
        size=len(encoded(dataset)),
        attributes=indexed_text(dataset),
        load_dataset=lambda: copy.deepcopy(dataset),
    )


def association_requests() -> Mapping[str, AssociationRequest]:
    """By a word on its shape: whatever passes the wire may come to ``on_association``."""
    classes = ("Verification", "CTImageStorage", "StudyRootQueryRetrieveInformationModelFind")
    syntaxes = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
    contexts = tuple(
        ProposedContext(
            context_id=number,
            abstract_syntax=str(getattr(sop_class, name)),
            transfer_syntaxes=syntaxes,
        )
        for number, name in zip((1, 3, 5), classes, strict=True)
    )
    identity = UserIdentity(kind=2, primary=b"jane", secondary=b"secret", response_requested=False)
    return {
        "an ordinary one": _request(contexts),
        "one over IPv6 and TLS": _request(contexts, address="::1", subject="CN=modality"),
        "one with a user name": _request(contexts, identity=identity),
        "one of a private SOP class": _request(
            (
                ProposedContext(
                    context_id=255, abstract_syntax="1.2.3.4.5", transfer_syntaxes=syntaxes
                ),
            )
        ),
    }


def _request(
    contexts: tuple[ProposedContext, ...],
    *,
    address: str = "127.0.0.1",
    subject: str = "",
    identity: UserIdentity | None = None,
) -> AssociationRequest:
    return AssociationRequest(
        association_id="checked",
        calling_aet="MODALITY",
        called_aet="PACS",
        address=address,
        port=40000,
        tls_subject=subject,
        user_identity=identity,
        contexts=contexts,
    )


@contextmanager
def stored_archive(folder: Path, plugins: PluginSet) -> Iterator[Archive]:
    """An archive with the instance that `change` tells of, and the tables of ``plugins``."""
    with (
        closing(OpenTables(dict(plugins.register("tables")), data=folder)) as tables,
        closing(open_database(f"sqlite:///{folder / 'stored.sqlite'}")) as database,
        closing(
            Archive(database=database, storage=MemoryStorage(), data=folder, tables=tables)
        ) as archive,
    ):
        archive.peers = PeerBook()
        archive.hooks = plugins.offered
        send(archive, encoded(mr_image()), announced())
        yield archive


def change() -> Change:
    """What the change feed tells of the instance in `stored_archive`."""
    dataset = mr_image()
    return Change(
        sequence=1,
        kind=ChangeKind.STORED,
        at=datetime.now(UTC),
        patient_id=str(dataset.PatientID),
        issuer_of_patient_id="",
        study_instance_uid=str(dataset.StudyInstanceUID),
        series_instance_uid=str(dataset.SeriesInstanceUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        sop_class_uid=str(dataset.SOPClassUID),
        origin=_ORIGIN,
    )
