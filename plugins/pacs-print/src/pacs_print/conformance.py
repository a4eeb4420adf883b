"""What the conformance statement says of printing (PS3.4 Annex H)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pacs_framework.conformance.records import (
    AcceptancePolicy,
    Contribution,
    Initiation,
    PublishedSettings,
    Role,
    ServiceConformance,
    StatusMeaning,
)
from pacs_framework.dicom.status import Status
from pacs_print.scu.client import EXTRAS, SYNTAXES
from pacs_print.services.classes import COLOUR_META, GRAYSCALE_META
from pacs_print.services.service import (
    AnnotationService,
    FactsService,
    FilmService,
    LutService,
)
from pacs_print.services.statuses import PrintStatus

if TYPE_CHECKING:
    from pacs_print.settings import PrintSettings

__all__ = ["contributions"]

_STATUSES: dict[int, str] = {
    Status.SUCCESS: "it is done; of N-ACTION: the job is in the queue, durably",
    Status.ATTRIBUTE_LIST_ERROR: "an attribute is not known here, or not there to be read",
    Status.ATTRIBUTE_VALUE_OUT_OF_RANGE: (
        "a value that this printer does not have was replaced by the one in the response"
    ),
    PrintStatus.MEMORY_ALLOCATION_NOT_SUPPORTED: "Memory Allocation was asked for",
    PrintStatus.SESSION_WITHOUT_IMAGES: "none of the film boxes holds an image; printed",
    PrintStatus.FILM_WITHOUT_IMAGES: "the film box holds no image; printed",
    PrintStatus.IMAGE_DEMAGNIFIED: "the image is larger than its box, and was made smaller",
    PrintStatus.DENSITY_OUT_OF_RANGE: "a density is beyond that of the medium; the nearest is used",
    PrintStatus.IMAGE_CROPPED: "the image is larger than its box, and was cropped as requested",
    PrintStatus.IMAGE_DECIMATED: "the image is larger than its box, and decimated as requested",
    Status.NO_SUCH_ATTRIBUTE: "N-SET of an attribute that can be set by N-CREATE only",
    Status.INVALID_ATTRIBUTE_VALUE: (
        "a value that cannot be: a format, film size or medium that the printer does not have, a "
        "position that the film does not have or another box has, a reference to nothing"
    ),
    Status.DUPLICATE_SOP_INSTANCE: "there is an instance of this UID",
    Status.NO_SUCH_SOP_INSTANCE: "there is none (any more)",
    Status.CLASS_INSTANCE_CONFLICT: "the instance is of another SOP class",
    Status.MISSING_ATTRIBUTE: "a mandatory attribute is not there",
    Status.MISSING_ATTRIBUTE_VALUE: "a mandatory attribute has no value",
    Status.NO_SUCH_ACTION: "Action Type ID is not 1",
    Status.NOT_AUTHORIZED: "the called AE title is none of a printer",
    Status.UNRECOGNIZED_OPERATION: "the SOP class has no such operation",
    Status.RESOURCE_LIMITATION: (
        "a second film session, or more film boxes, Presentation LUTs or bytes than `limits` allow"
    ),
    PrintStatus.SESSION_WITHOUT_FILMS: "the film session has no film box",
    PrintStatus.QUEUE_FULL_FOR_SESSION: "the printer has as many jobs as `limits.queue` allows",
    PrintStatus.QUEUE_FULL_FOR_FILM: "the same, for a film box",
    PrintStatus.IMAGE_TOO_LARGE: "the image is larger than its box, and FAIL was requested",
    PrintStatus.OUT_OF_MEMORY: "more images or bytes in a film session than `limits` allow",
}


_OF_FACTS = (
    Status.SUCCESS,
    Status.ATTRIBUTE_LIST_ERROR,
    Status.NO_SUCH_SOP_INSTANCE,
    Status.NOT_AUTHORIZED,
)
_OF_ANNOTATIONS = (
    *_OF_FACTS,
    Status.INVALID_ATTRIBUTE_VALUE,
    Status.CLASS_INSTANCE_CONFLICT,
    Status.MISSING_ATTRIBUTE,
    Status.MISSING_ATTRIBUTE_VALUE,
)
_OF_LUTS = (*_OF_ANNOTATIONS, Status.DUPLICATE_SOP_INSTANCE, Status.RESOURCE_LIMITATION)


def contributions(settings: PrintSettings) -> list[Contribution]:
    """The service where there are printers, and commands that call others."""
    found: list[Contribution] = [
        _initiated(
            "pacs print send, pacs print status",
            "a person or a script runs one of these commands for a printer",
            "Basic Grayscale or Basic Color Print Management, Print Job, Presentation LUT and "
            "Basic Annotation Box, each in one presentation context",
            EXTRAS,
            calling_aet="PACSSCU",
        ),
        _initiated(
            "printing of stored series",
            "a rule of `[plugin.print]` or `pacs print series` prints stored images on a peer",
            "Basic Grayscale or Basic Color Print Management, in one presentation context",
            (),
        ),
        PublishedSettings(names=("keep", "give_up_after")),
    ]
    if not settings.printers:
        return found
    return [
        _films(settings),
        _service(LutService.name, "Presentation LUT", _OF_LUTS),
        _service(AnnotationService.name, "Basic Annotation Box", _OF_ANNOTATIONS),
        _service(FactsService.name, "Printer, its configuration, and Print Job", _OF_FACTS),
        AcceptancePolicy(
            rule="Presentation contexts of Print Management are refused unless a printer is called."
        ),
        *found,
    ]


def _films(settings: PrintSettings) -> ServiceConformance:
    titles = ", ".join(printer.ae_title for printer in settings.printers)
    return _service(
        FilmService.name,
        "Print Management",
        _STATUSES,
        (
            f"Printers are AE titles: {titles}. Objects live as long as their association, of "
            "which each has one film session at a time."
        ),
        (
            "Printing a film session gives one job with its films in order. States of jobs are "
            "told by N-EVENT-REPORT on the association that made them, if it negotiated Print Job; "
            "states that pass faster than they can be told are left out, the last one never."
        ),
        (
            "Configuration Information, Memory Allocation and what is retired (Image Overlay Box, "
            "VOI LUT Box, Referenced Image Box, Print Queue) are not supported."
        ),
    )


def _service(name: str, title: str, statuses: Iterable[int], *behaviour: str) -> ServiceConformance:
    return ServiceConformance(
        service=name,
        role=Role.SCP,
        title=title,
        behaviour=behaviour,
        statuses=tuple(StatusMeaning(status=code, when=_STATUSES[code]) for code in statuses),
    )


def _initiated(
    activity: str, when: str, how: str, extras: tuple[str, ...], calling_aet: str = ""
) -> Initiation:
    return Initiation(
        activity=activity,
        when=when,
        sop_classes=(GRAYSCALE_META, COLOUR_META, *extras),
        transfer_syntaxes=SYNTAXES,
        proposal=how,
        calling_aet=calling_aet,
        statuses=(
            StatusMeaning(status=Status.SUCCESS, when="it is done; warnings are told"),
            StatusMeaning(
                status=Status.PROCESSING_FAILURE,
                when="as every failure: nothing more is printed, and the film session is deleted",
            ),
        ),
    )
