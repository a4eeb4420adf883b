"""Verification as SCP: whoever asks is told that the archive listens (PS3.4 Annex A)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from pacs_framework.dicom.status import Status
from pacs_framework.dicom.uids import UNCOMPRESSED
from pacs_framework.network.service import CommandField, DimseService, Request, SupportedContext

__all__ = ["VerificationService"]


class VerificationService(DimseService):
    """Answers every C-ECHO with success; the command has no data set, so any syntax will do."""

    name: ClassVar[str] = "verification"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.C_ECHO})

    def contexts(self) -> Iterable[SupportedContext]:
        """The Verification SOP class."""
        return [SupportedContext(abstract_syntax=Verification, transfer_syntaxes=UNCOMPRESSED)]

    def serve(self, request: Request) -> None:
        """PS3.7 9.1.5: the response says nothing but success."""
        request.respond(Status.SUCCESS)
