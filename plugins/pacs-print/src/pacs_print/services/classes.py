"""The SOP classes of Print Management by name, and which of them a context carries."""

from __future__ import annotations

from collections.abc import Mapping

from pynetdicom import sop_class as _uid

__all__ = [
    "ANNOTATION_BOX",
    "COLOUR_IMAGE_BOX",
    "COLOUR_META",
    "CONFIGURATION",
    "CONFIGURATION_INSTANCE",
    "FILM_BOX",
    "FILM_SESSION",
    "GRAYSCALE_IMAGE_BOX",
    "GRAYSCALE_META",
    "PRESENTATION_LUT",
    "PRINTER",
    "PRINTER_INSTANCE",
    "PRINT_JOB",
    "SERVED",
]

FILM_SESSION = str(_uid.BasicFilmSession)  # type: ignore[attr-defined]
FILM_BOX = str(_uid.BasicFilmBox)  # type: ignore[attr-defined]
GRAYSCALE_IMAGE_BOX = str(_uid.BasicGrayscaleImageBox)  # type: ignore[attr-defined]
COLOUR_IMAGE_BOX = str(_uid.BasicColorImageBox)  # type: ignore[attr-defined]
ANNOTATION_BOX = str(_uid.BasicAnnotationBox)  # type: ignore[attr-defined]
PRESENTATION_LUT = str(_uid.PresentationLUT)  # type: ignore[attr-defined]
PRINT_JOB = str(_uid.PrintJob)  # type: ignore[attr-defined]
PRINTER = str(_uid.Printer)  # type: ignore[attr-defined]
CONFIGURATION = str(_uid.PrinterConfigurationRetrieval)  # type: ignore[attr-defined]
GRAYSCALE_META = str(_uid.BasicGrayscalePrintManagementMeta)  # type: ignore[attr-defined]
COLOUR_META = str(_uid.BasicColorPrintManagementMeta)  # type: ignore[attr-defined]
PRINTER_INSTANCE = str(_uid.PrinterInstance)
CONFIGURATION_INSTANCE = str(_uid.PrinterConfigurationRetrievalInstance)

SERVED: Mapping[str, tuple[str, ...]] = {
    GRAYSCALE_META: (FILM_SESSION, FILM_BOX, GRAYSCALE_IMAGE_BOX, PRINTER),
    COLOUR_META: (FILM_SESSION, FILM_BOX, COLOUR_IMAGE_BOX, PRINTER),
    PRINTER: (PRINTER,),
    CONFIGURATION: (CONFIGURATION,),
    PRINT_JOB: (PRINT_JOB,),
    ANNOTATION_BOX: (ANNOTATION_BOX,),
    PRESENTATION_LUT: (PRESENTATION_LUT,),
}
"""Abstract syntax to the SOP classes whose instances are named on it (PS3.4 H.3.2.2)."""
