"""A statement as a document, chapter by chapter in the order of PS3.2 Annex N."""

from __future__ import annotations

from pacs_framework.conformance.chapters.annexes import annexes
from pacs_framework.conformance.chapters.configuration import configuration
from pacs_framework.conformance.chapters.introduction import introduction
from pacs_framework.conformance.chapters.model import model
from pacs_framework.conformance.chapters.network import network
from pacs_framework.conformance.chapters.overview import overview
from pacs_framework.conformance.chapters.security import security
from pacs_framework.conformance.chapters.services import services
from pacs_framework.conformance.document import Contents, Document, Section, Table, numbered
from pacs_framework.conformance.statement import Statement

__all__ = ["compose"]


def compose(statement: Statement, date: str) -> Document:
    """The document; ``date`` goes on the cover, empty for none."""
    sections = numbered(
        (
            overview(statement),
            Section(title="Table of contents", blocks=(Contents(),)),
            introduction(statement, date),
            model(statement),
            services(statement),
            configuration(statement),
            network(statement),
            security(statement),
            *annexes(statement),
        )
    )
    title = f"DICOM Conformance Statement of {statement.aet}"
    return Document(title=title, cover=_cover(statement, date), sections=sections)


def _cover(statement: Statement, date: str) -> Table:
    rows = [
        ("Product", statement.product),
        ("Version", statement.version),
        ("AE title", statement.aet),
        ("Structure", statement.template),
    ]
    if date:
        rows.append(("Date", date))
    return Table("", ("DICOM Conformance Statement", ""), tuple(rows))
