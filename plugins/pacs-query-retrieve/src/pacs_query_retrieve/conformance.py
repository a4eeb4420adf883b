"""What the conformance statement says of Query/Retrieve (PS3.4 C.4 and C.5)."""

from __future__ import annotations

from pydicom.uid import UID
from pynetdicom.presentation import AllStoragePresentationContexts

from pacs_framework.archive.query_keys import Root
from pacs_framework.codecs.syntaxes import syntax_name
from pacs_framework.conformance.records import (
    Contribution,
    ExtendedNegotiation,
    Initiation,
    PublishedSettings,
    Role,
    ServiceConformance,
    StatusMeaning,
)
from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES
from pacs_framework.errors import IndexUnavailable, PacsError, QueryError
from pacs_query_retrieve.find import FindService
from pacs_query_retrieve.get import GetService
from pacs_query_retrieve.models import answer_find, answer_retrieve
from pacs_query_retrieve.move import MoveService
from pacs_query_retrieve.query_keys import listed_keys, matching_by_vr
from pacs_query_retrieve.settings import QueryRetrieveSettings, SendAs

__all__ = ["contributions"]

_SENT_AS_STORED = (
    "An instance goes out byte for byte in the transfer syntax that it is stored in where the "
    "receiver accepted that one. It is else converted, without further loss, to an uncompressed "
    "one that was accepted: uncompressed ones always, compressed ones where a codec decodes them. "
    "Where no uncompressed one was accepted, images are compressed without loss to JPEG Lossless, "
    "JPEG 2000, JPEG-LS, RLE Lossless or HTJ2K, as far as codecs are installed. Others fail, one "
    "by one."
)
_BY_RULE = (
    "Images {which}to the AE titles {aets} go out as {name} {how}, where the receiver accepted "
    "that{when}; what cannot be encoded so goes out as to all others."
)
_WITHOUT_LOSS = "without loss"
_WITH_LOSS = (
    "with loss ({loss}), unless they had lost something before: as derived images with SOP "
    "Instance UIDs of their own, Image Type DERIVED and the attributes of lossy image compression "
    "(PS3.3 C.7.6.1.1.5)"
)
_PUBLISHED = ("relational", "patient_study_only", "pending_interval", "send_as")
_PRIORITY = "The Priority (0000,0700) of a request is not looked at."


def contributions(settings: QueryRetrieveSettings) -> list[Contribution]:
    """Three services, the sub-operations of two of them, and the settings that change them."""
    return [
        _find(settings),
        _retrieval(MoveService.name, "C-MOVE", settings, _MOVE_STATUSES, _MOVE_TEXT),
        _retrieval(GetService.name, "C-GET", settings, _RETRIEVE_STATUSES, _GET_TEXT),
        _get_suboperations(),
        _move_suboperations(),
        PublishedSettings(names=_PUBLISHED if settings.send_as else _PUBLISHED[:-1]),
    ]


# --- C-FIND -------------------------------------------------------------------------------------

_FIND_TEXT = (
    (
        "Every key of an identifier comes back in each answer, empty where nothing is known. "
        "Answers are sent as they are found, without a limit on their number, and end at a "
        "C-CANCEL."
    ),
    (
        "Any other attribute, also a private one with its creator, is read from the stored header "
        "of the first instance of the entity, answered, and matched by its VR. Bulk data and "
        "private attributes without their creator are answered empty, with status FF01H."
    ),
    (
        "Text is compared without spaces around it; case counts, except in person names (PN), "
        "where case, spaces around components and empty components at the end mean nothing, and a "
        "key of one component group is tried on every group. A key with several values matches any"
        " of them, also in VRs other than UI, unless multiple value matching was negotiated. "
        "Attributes without a value match universal keys only."
    ),
    (
        "Where fuzzy semantic matching was negotiated, a person name matches when each word of the "
        "key begins a word of the name, in any order and any component group, without regard to "
        "case, accents and punctuation; ä, ö, ü, ø and å also match ae, oe, ue, oe and aa. Nothing "
        "is matched by its sound. A key with wild cards, other than an asterisk at the end of a "
        "word, is matched as without the negotiation."
    ),
)
_FIND_STATUSES = (
    StatusMeaning(status=Status.SUCCESS, when="all matches were sent, or there are none"),
    StatusMeaning(status=Status.PENDING, when="a match"),
    StatusMeaning(
        status=Status.PENDING_KEYS_NOT_SUPPORTED,
        when="a match; some keys of the identifier are not supported and come back empty",
    ),
    StatusMeaning(status=Status.CANCEL, when="a C-CANCEL ended the matching"),
    StatusMeaning(
        status=IndexUnavailable.status, when="the index or the storage of a header failed"
    ),
    StatusMeaning(
        status=QueryError.status,
        when="the identifier does not fit the model or its level, or cannot be decoded",
    ),
    StatusMeaning(status=PacsError.status, when="the query failed for another reason"),
)
_FIND_OPTIONS = (
    "Relational-queries",
    "Combined date-time matching",
    "Fuzzy semantic matching of person names",
    "Timezone query adjustment",
    "Enhanced multi-frame image conversion",
    "Empty value matching",
    "Multiple value matching",
)
_RETRIEVE_OPTIONS = ("Relational-retrieval", "Enhanced multi-frame image conversion")


def _find(settings: QueryRetrieveSettings) -> ServiceConformance:
    return ServiceConformance(
        service=FindService.name,
        role=Role.SCP,
        title="C-FIND",
        behaviour=(*_FIND_TEXT, _hierarchy(settings), _PRIORITY),
        statuses=_FIND_STATUSES,
        keys=listed_keys(Root.PATIENT),
        vr_matching=matching_by_vr(),
        extended_negotiation=_options(_FIND_OPTIONS, answer_find),
    )


def _hierarchy(settings: QueryRetrieveSettings) -> str:
    if settings.relational == "always":
        return (
            "Unique keys of levels above may be left out in every query and retrieval "
            '([plugin.query-retrieve] relational = "always").'
        )
    return (
        "Without relational queries or retrieval the unique key of each level above holds one "
        f"value and those below none, else the request is answered with {QueryError.status:04X}H."
    )


def _options(names: tuple[str, ...], answer: object) -> tuple[ExtendedNegotiation, ...]:
    """Each option of the application information, as the code answers when all are proposed."""
    assert callable(answer)
    answered = answer(b"\x01" * len(names))
    return tuple(
        ExtendedNegotiation(
            option=name, agreed=bool(byte), note=f"byte {number}; as proposed" if byte else ""
        )
        for number, (name, byte) in enumerate(zip(names, answered, strict=True), start=1)
    )


# --- C-MOVE and C-GET ---------------------------------------------------------------------------

_RETRIEVE_STATUSES = (
    StatusMeaning(
        status=Status.SUCCESS, when="all sub-operations succeeded, or there was nothing to send"
    ),
    StatusMeaning(status=Status.PENDING, when="on the way, with the four counts"),
    StatusMeaning(
        status=Status.SUBOPERATIONS_WITH_FAILURES,
        when="some sub-operations failed or had a warning",
    ),
    StatusMeaning(
        status=Status.CANCEL, when="a C-CANCEL ended the retrieval; with the number that remains"
    ),
    StatusMeaning(
        status=Status.UNABLE_TO_CALCULATE_MATCHES,
        when="the index failed before the first sub-operation",
    ),
    StatusMeaning(
        status=Status.UNABLE_TO_PERFORM_SUBOPERATIONS,
        when="every sub-operation failed, or the index failed on the way",
    ),
    StatusMeaning(
        status=QueryError.status,
        when="the identifier does not fit the model or its level, names nothing, or is unreadable",
    ),
    StatusMeaning(status=PacsError.status, when="the retrieval failed for another reason"),
)
_MOVE_STATUSES = (
    *_RETRIEVE_STATUSES,
    StatusMeaning(
        status=Status.MOVE_DESTINATION_UNKNOWN,
        when="no peer of the configuration has the AE title of the destination",
    ),
)
_KEYS_TEXT = (
    "The identifier names entities by their unique keys, lists of UID at its own level; Issuer of "
    "Patient ID (0010,0021) narrows a Patient ID. Other keys are not looked at. The final "
    "response lists the instances that failed: Failed SOP Instance UID List (0008,0058)."
)
_MOVE_TEXT = (
    "Instances are sent to peers of the configuration, found by the AE title of the destination.",
    _KEYS_TEXT,
)
_GET_TEXT = (
    (
        "Instances come back on the association of the request, on storage presentation contexts "
        "where the requestor proposed itself as SCP."
    ),
    _KEYS_TEXT,
)


def _retrieval(
    service: str,
    title: str,
    settings: QueryRetrieveSettings,
    statuses: tuple[StatusMeaning, ...],
    text: tuple[str, ...],
) -> ServiceConformance:
    return ServiceConformance(
        service=service,
        role=Role.SCP,
        title=title,
        behaviour=(
            *text,
            _SENT_AS_STORED,
            *map(_by_rule, settings.send_as),
            _hierarchy(settings),
            _PRIORITY,
        ),
        statuses=statuses,
        extended_negotiation=_options(_RETRIEVE_OPTIONS, answer_retrieve),
    )


def _by_rule(rule: SendAs) -> str:
    classes = " or ".join(str(UID(uid).name) for uid in rule.sop_class)
    return _BY_RULE.format(
        which=f"of {classes} " if classes else "",
        aets=" or ".join(rule.aet),
        name=syntax_name(rule.to),
        how=_WITHOUT_LOSS if rule.loss is None else _WITH_LOSS.format(loss=rule.loss),
        when="" if rule.always else " and not the one that is stored",
    )


_SUBOPERATION_STATUSES = (
    StatusMeaning(status=Status.SUCCESS, when="the sub-operation counts as completed"),
    StatusMeaning(
        status=Status.COERCION_OF_DATA_ELEMENTS, when="as every warning: counts as a warning"
    ),
    StatusMeaning(status=Status.OUT_OF_RESOURCES, when="as every failure: counts as failed"),
)


def _get_suboperations() -> ServiceConformance:
    return ServiceConformance(
        service=GetService.name,
        role=Role.SCU,
        title="C-STORE sub-operations of C-GET",
        behaviour=(
            (
                "Storage presentation contexts are accepted with the requestor as SCP, also for "
                "SOP classes that are not listed, should such instances be stored."
            ),
            _SENT_AS_STORED,
        ),
        statuses=_SUBOPERATION_STATUSES,
    )


def _move_suboperations() -> Initiation:
    return Initiation(
        activity="C-STORE sub-operations of C-MOVE",
        when="a C-MOVE names a destination that is configured",
        sop_classes=tuple(sorted({str(c.abstract_syntax) for c in AllStoragePresentationContexts})),
        transfer_syntaxes=TRANSFER_SYNTAXES,
        proposal=(
            "one presentation context for each pair of SOP class and stored transfer syntax of the "
            "instances, with one more for each group that they can be converted to without loss "
            "(little endian, other uncompressed ones, compressed ones), and one for what a rule "
            "for the destination wants; SOP classes that are not in the list as well, should such "
            "be stored. Up to 128 contexts "
            "in an association, as many associations as that takes, one after the other. A "
            "receiver that drops one gets the rest on a second one, once"
        ),
        statuses=_SUBOPERATION_STATUSES,
    )
