"""What the conformance statement says of Storage (PS3.4 B.4.3)."""

from __future__ import annotations

from pynetdicom.presentation import AllStoragePresentationContexts

from pacs_framework.archive.incoming import Refusal
from pacs_framework.conformance.records import (
    Contribution,
    Initiation,
    PublishedSettings,
    Remark,
    Role,
    ServiceConformance,
    StatusMeaning,
    Topic,
)
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES
from pacs_framework.errors import (
    DuplicateInstance,
    IndexUnavailable,
    MismatchedInstance,
    PacsError,
    StorageError,
    UnreadableInstance,
)
from pacs_store.command import store
from pacs_store.service import StorageService
from pacs_store.settings import StoreSettings

__all__ = ["contributions"]

_LEVEL = (
    "Level of storage support: 2 (Full). All attributes are kept, standard and private ones, byte "
    "for byte as they were received, also pixel data. Level of Digital Signature support: 3 (bit "
    "preserving), unless a plugin changes the instance, which status B000H then tells."
)
_ACCESS = (
    "SUCCESS means that the instance is durable in the storage and in the index. It can be queried "
    "and retrieved from then on, and is kept until somebody deletes it: the archive has no rule "
    "that deletes by age or by space."
)
_SELECTION = (
    "Of the transfer syntaxes in one presentation context, the one that the requestor names first "
    "is accepted. Nothing is decompressed or compressed on reception, unless a plugin says so here."
)
_PRIORITY = "The Priority (0000,0700) of a request is not looked at."

_STATUSES = (
    StatusMeaning(
        status=Status.SUCCESS, when="the instance is stored, or the very same was there already"
    ),
    StatusMeaning(
        status=Status.COERCION_OF_DATA_ELEMENTS,
        when=(
            "stored, and a plugin changed data elements; or other content under this SOP Instance "
            'UID was there before and stays (duplicates = "ignore"), as Error Comment tells'
        ),
    ),
    StatusMeaning(status=PacsError.status, when="a plugin failed over the instance: not kept"),
    StatusMeaning(
        status=DuplicateInstance.status,
        when=(
            'the SOP instance exists and duplicates = "reject", or it would be replaced and is '
            "protected: not kept"
        ),
    ),
    StatusMeaning(
        status=Status.SOP_CLASS_NOT_SUPPORTED,
        when="the SOP class is none that would be accepted in negotiation: not kept",
    ),
    StatusMeaning(status=Refusal(reason="").status, when="a plugin refused the instance: not kept"),
    StatusMeaning(
        status=StorageError.status, when="the storage is full or failed: not kept, try again later"
    ),
    StatusMeaning(
        status=MismatchedInstance.status,
        when=(
            "the data set is of another SOP class or instance than the command says, or lacks a "
            "UID, or has one that is not valid: not kept"
        ),
    ),
    StatusMeaning(status=UnreadableInstance.status, when="the data set cannot be parsed: not kept"),
)
assert IndexUnavailable.status == StorageError.status, "both are told as one status"


def contributions(settings: StoreSettings) -> list[Contribution]:
    """The service as SCP, and ``pacs store`` as SCU."""
    return [
        ServiceConformance(
            service=StorageService.name,
            role=Role.SCP,
            title="C-STORE",
            behaviour=(_LEVEL, _ACCESS, _SELECTION, _PRIORITY, _classes(settings)),
            statuses=_STATUSES,
        ),
        _store_command(),
        PublishedSettings(names=("accept", "unknown_sop_classes")),
        Remark(topic=Topic.STORAGE, text=_modalities(settings)),
    ]


def _classes(settings: StoreSettings) -> str:
    if settings.unknown_sop_classes:
        return (
            "Storage SOP classes that are not listed, private ones among them, are accepted with "
            "the same transfer syntaxes ([plugin.store] unknown_sop_classes = true)."
        )
    return "SOP classes that are not listed are not accepted."


def _modalities(settings: StoreSettings) -> str:
    if not settings.accept:
        return "Instances of every Modality (0008,0060) are accepted."
    accepted = ", ".join(sorted(settings.accept))
    return (
        f"Only instances with one of these values in Modality (0008,0060) are accepted: "
        f"{accepted}. Others are refused with {Refusal(reason='').status:04X}H."
    )


def _store_command() -> Initiation:
    return Initiation(
        activity="pacs store",
        when="a person or a script runs the command",
        sop_classes=tuple(sorted({str(c.abstract_syntax) for c in AllStoragePresentationContexts})),
        transfer_syntaxes=TRANSFER_SYNTAXES,
        proposal=(
            "one presentation context for each pair of SOP class and transfer syntax of the files, "
            "with one more for what uncompressed ones can be converted to; SOP classes of files "
            "that are not in the list as well"
        ),
        calling_aet=next(str(p.default) for p in store.params if p.name == "aet"),
        statuses=(
            StatusMeaning(status=Status.SUCCESS, when="the instance counts as stored"),
            StatusMeaning(
                status=Status.COERCION_OF_DATA_ELEMENTS,
                when="as every warning: the instance counts as stored, and the warning is printed",
            ),
            StatusMeaning(
                status=StorageError.status,
                when="as every failure: it is printed, the next file is sent, the exit code is 1",
            ),
        ),
    )
