"""Which UIDs are somebody's, and which are a standard's: the latter mean nothing when mapped."""

from __future__ import annotations

import re

__all__ = ["is_of_an_instance"]

_DICOM_ROOT = "1.2.840.10008."
"""What the standard itself registers: classes, syntaxes, context groups, frames (PS3.6 A)."""

_OF_A_STANDARD = re.compile(
    r"Class(es|UID)|TransferSyntax|^CodingSchemeUID$|^ContextUID$|^MappingResourceUID$"
    r"|^(ContextGroupExtension|TemplateExtension|PrivateInformation)CreatorUID$"
    r"|^TemplateExtensionOrganizationUID$"
).search


def is_of_an_instance(keyword: str, uid: str) -> bool:
    """Whether a UID in the attribute ``keyword`` names an instance, or what belongs to some.

    False for SOP classes, transfer syntaxes, coding schemes, context groups and creators of codes,
    and for whatever PS3.6 registers.
    """
    return not (uid.startswith(_DICOM_ROOT) or _OF_A_STANDARD(keyword))
