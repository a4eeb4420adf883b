"""What the conformance statement says of non-patient instances (PS3.4 GG.5, U.6.1.3 and others)."""

from __future__ import annotations

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pynetdicom.sop_class import InventoryStorage  # type: ignore[attr-defined]

from pacs_framework.conformance.records import (
    Contribution,
    Matching,
    PublishedSettings,
    QueryKey,
    Remark,
    Role,
    ServiceConformance,
    StatusMeaning,
    Topic,
)
from pacs_framework.dicom.status import Status
from pacs_framework.errors import (
    DuplicateInstance,
    IndexUnavailable,
    MismatchedInstance,
    OutOfResources,
    QueryError,
    UnreadableInstance,
)
from pacs_non_patient.categories import MODELS, Model
from pacs_non_patient.finding import FindService
from pacs_non_patient.retrieving import GetService, MoveService
from pacs_non_patient.settings import NonPatientSettings
from pacs_non_patient.storing import StorageService

__all__ = ["contributions"]

_SINGLE, _UNIVERSAL = Matching.SINGLE_VALUE, Matching.UNIVERSAL
_MOMENT = (_SINGLE, Matching.RANGE, _UNIVERSAL)
_NUMBER = (_SINGLE, Matching.VALUE_LIST, _UNIVERSAL)
_TEXT = (_SINGLE, Matching.VALUE_LIST, Matching.WILDCARD, _UNIVERSAL)
_KINDS = {
    "SQ": (Matching.SEQUENCE, _UNIVERSAL),
    "UI": (_SINGLE, Matching.UID_LIST, _UNIVERSAL),
    "DA": _MOMENT,
    "TM": _MOMENT,
    "DT": _MOMENT,
    "US": _NUMBER,
    "UL": _NUMBER,
    "IS": _NUMBER,
}

_STORAGE = (
    (
        "Level of storage support: 2 (Full). The data set is kept byte for byte as it was "
        "received, private attributes too, and is not validated against its IOD. SUCCESS means "
        "that it is durable, and that queries find it. It is kept until somebody deletes it."
    ),
    (
        "Instances of these classes belong to no study: queries and retrievals of studies know "
        "nothing of them, and rules on instances of patients are not asked about them."
    ),
)
_QUERY = (
    (
        "Every attribute of an instance can be a key, at the top and inside sequences, whether "
        "the table lists it or not. Each key comes back in each answer; a sequence key without "
        "keys of its own comes back with all that the instance has in it."
    ),
    (
        "Ranges in both Instance Creation Date and Time name one range of moments (PS3.4 Table "
        "HH.6-1). Case counts, except in person names. Text is in the Specific Character Set "
        "of the identifier where that can carry it, else in ISO_IR 100 or 192."
    ),
    (
        "Binary values of more than 4096 bytes, and the records of studies in an inventory, "
        "are neither matched nor returned: retrieve the instance."
    ),
)
_RETRIEVAL = (
    (
        "SOP Instance UID (0008,0018), one or a list, names what is wanted; Query/Retrieve "
        "Level is not looked at. What is not there, or of another SOP class, is passed over."
    ),
)

_STATUSES = (
    StatusMeaning(status=Status.SUCCESS, when="it is stored, or the very same was there already"),
    StatusMeaning(
        status=Status.COERCION_OF_DATA_ELEMENTS,
        when='other content under this UID was there before and stays (duplicates = "ignore")',
    ),
    StatusMeaning(
        status=DuplicateInstance.status, when='the UID exists and duplicates = "reject": not kept'
    ),
    StatusMeaning(
        status=OutOfResources.status,
        when="it is larger than max_size, or the database failed: not kept",
    ),
    StatusMeaning(
        status=MismatchedInstance.status,
        when="the data set is of another SOP class or instance than the command says: not kept",
    ),
    StatusMeaning(status=UnreadableInstance.status, when="the data set cannot be parsed: not kept"),
)
_FOUND = (
    StatusMeaning(status=Status.SUCCESS, when="all matches were sent, or there are none"),
    StatusMeaning(status=Status.PENDING, when="a match"),
    StatusMeaning(
        status=Status.PENDING_KEYS_NOT_SUPPORTED,
        when="a match; the identifier has private keys, which come back empty",
    ),
    StatusMeaning(status=Status.CANCEL, when="a C-CANCEL ended the answers"),
    StatusMeaning(status=QueryError.status, when="the identifier cannot be decoded"),
    StatusMeaning(status=IndexUnavailable.status, when="the database failed"),
)
_RETRIEVED = (
    StatusMeaning(status=Status.SUCCESS, when="all was sent, or nothing of it is there"),
    StatusMeaning(status=Status.PENDING, when="behind each sub-operation, with the counts"),
    StatusMeaning(status=Status.SUBOPERATIONS_WITH_FAILURES, when="some of it was not taken"),
    StatusMeaning(status=Status.UNABLE_TO_PERFORM_SUBOPERATIONS, when="none of it was taken"),
    StatusMeaning(status=Status.UNABLE_TO_CALCULATE_MATCHES, when="the database failed"),
    StatusMeaning(status=QueryError.status, when="the identifier names no SOP Instance UID"),
    StatusMeaning(status=Status.CANCEL, when="a C-CANCEL ended the sub-operations"),
)
_UNKNOWN = StatusMeaning(
    status=Status.MOVE_DESTINATION_UNKNOWN, when="no configured peer has the AE title"
)
_REMARK = (
    "Non-patient instances are stored in a table of their own, which backups carry. "
    f"{len(MODELS)} information models are served; that of Inventory Storage ({InventoryStorage}) "
    "without a list of required keys, as every attribute is one."
)


def contributions(settings: NonPatientSettings) -> list[Contribution]:
    """The services, and the setting that limits what is taken."""
    del settings
    return [
        _service(StorageService.name, "C-STORE of non-patient instances", _STORAGE, _STATUSES),
        ServiceConformance(
            service=FindService.name,
            role=Role.SCP,
            title="C-FIND of non-patient instances",
            behaviour=_QUERY,
            statuses=_FOUND,
            keys=tuple(_key(model, keyword) for model in MODELS for keyword in model.attributes),
        ),
        _service(
            MoveService.name,
            "C-MOVE of non-patient instances",
            _RETRIEVAL,
            (*_RETRIEVED, _UNKNOWN),
        ),
        _service(GetService.name, "C-GET of non-patient instances", _RETRIEVAL, _RETRIEVED),
        PublishedSettings(names=("max_size",)),
        Remark(topic=Topic.STORAGE, text=_REMARK),
    ]


def _service(
    name: str, title: str, behaviour: tuple[str, ...], statuses: tuple[StatusMeaning, ...]
) -> ServiceConformance:
    return ServiceConformance(
        service=name, role=Role.SCP, title=title, behaviour=behaviour, statuses=statuses
    )


def _key(model: Model, keyword: str) -> QueryKey:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    vr = dictionary_VR(tag)
    kind = "U" if keyword == "SOPInstanceUID" else "O"
    if keyword == "SOPClassUID" or keyword in model.required:
        kind = "R"
    return QueryKey(
        level=model.name,
        tag=tag,
        keyword=keyword,
        vr=vr,
        key_type=kind,
        matching=_KINDS.get(vr, _TEXT),
    )
