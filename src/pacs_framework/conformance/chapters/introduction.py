"""3 Introduction: for whom this is, and what its words mean."""

from __future__ import annotations

from pacs_framework.conformance.document import Bullets, Section, Table, Text
from pacs_framework.conformance.statement import Statement

__all__ = ["introduction"]

_AUDIENCE = (
    "For those who connect other DICOM applications with this archive: integrators, "
    "administrators, engineers. Knowledge of the DICOM Standard is expected."
)
_REMARKS = (
    (
        "A conformance statement says what an application does on the wire; it does not say that "
        "two applications work together. Compare the statements of both, then test."
    ),
    (
        "Everything here was read from the running code and the configuration by the command "
        "pacs conformance, not written by hand. A setting or a plugin that changes makes another "
        "statement. Options of pacs serve on the command line are not seen: write them into the "
        "configuration."
    ),
)
_TERMS = (
    ("Application Entity", "an application that speaks DICOM, named by its AE title"),
    ("Presentation context", "a SOP class with the transfer syntaxes that it may travel in"),
    ("Role", "SCU uses a service, SCP provides it; who opens the association is the requestor"),
    ("Transfer syntax", "how a data set is encoded, compression included"),
    ("Plugin", "a distribution that adds services or rules to the archive"),
)
_ABBREVIATIONS = (
    ("AE", "Application Entity"),
    ("DIMSE", "DICOM Message Service Element"),
    ("IOD", "Information Object Definition"),
    ("PDU", "Protocol Data Unit"),
    ("SCU, SCP", "Service Class User, Service Class Provider"),
    ("SOP", "Service-Object Pair"),
    ("TLS", "Transport Layer Security"),
    ("UID", "Unique Identifier"),
    ("VR", "Value Representation"),
)


def introduction(statement: Statement, date: str) -> Section:
    """The chapter; ``date`` is empty where none was asked for."""
    return Section(
        title="Introduction",
        sections=(
            Section(
                title="Revision history",
                blocks=(
                    Table(
                        "This statement is made anew for each configuration",
                        ("Version of the product", "Date of the document"),
                        ((statement.version, date or "not given"),),
                    ),
                ),
            ),
            Section(title="Audience", blocks=(Text(_AUDIENCE),)),
            Section(title="Remarks", blocks=tuple(map(Text, _REMARKS))),
            Section(
                title="Terms and definitions", blocks=(Table("", ("Term", "Meaning"), _TERMS),)
            ),
            Section(
                title="Abbreviations",
                blocks=(Table("", ("Abbreviation", "Meaning"), _ABBREVIATIONS),),
            ),
            Section(title="References", blocks=(Bullets(_references(statement)),)),
        ),
    )


def _references(statement: Statement) -> tuple[str, ...]:
    return (
        (
            f"{statement.template}: the structure of this document. It took the place of the "
            "template in Annex A of the editions before; sections that do not apply say None."
        ),
        (
            "DICOM PS3.4 (service classes), PS3.5 and PS3.6 (transfer syntaxes, UIDs), PS3.7 and "
            "PS3.8 (messages, associations), PS3.15 (security)."
        ),
    )
