"""What the conformance statement says of the web services (PS3.2, PS3.18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_framework.conformance.records import Contribution, PublishedSettings, Remark, Topic

if TYPE_CHECKING:
    from pacs_dicomweb.settings import DicomwebSettings

__all__ = ["contributions"]

_SEARCH = (
    "Web service QIDO-RS, origin server (PS3.18 10.6), under /dicom-web: searches for studies, "
    "series and instances, in all of the archive or below a study or series. Every attribute of "
    "the dictionary that is not bulk data is a matching key, by keyword, by tag or in sequences; "
    "matching is that of C-FIND (PS3.4 C.2.2.2), relational. Lists of UIDs are separated by commas "
    "or backslashes. includefield, limit and offset are supported; fuzzymatching is answered by "
    "literal matching with a Warning. Answers are DICOM JSON or Native DICOM XML in UTF-8."
)
_RETRIEVE = (
    "Web service WADO-RS, origin server (PS3.18 10.4): studies, series and instances as "
    "multipart/related, application/zip or, one instance, application/dicom; frames; bulk data; "
    "metadata as DICOM JSON or Native DICOM XML. Without a transfer syntax in Accept, Explicit VR "
    "Little Endian is sent, and what no codec decodes as it is stored; transfer-syntax=* gives "
    "every instance as it is stored. Compressed transfer syntaxes that are not the stored one are "
    "sent where a codec is installed that encodes them without loss; else the answer is 406, or "
    "206 where it holds for some of the instances."
)
_METADATA = (
    "Metadata of series (PS3.18 10.4.1.1.2) are kept in the form in which they are answered, in "
    "the plugin's table. What a plugin or a correction of the patient changes for a recipient is "
    "made anew for each request and never kept."
)


def contributions(settings: DicomwebSettings) -> list[Contribution]:
    """The web services, and the settings that decide on them."""
    return [
        Remark(topic=Topic.WORKFLOW, text=_SEARCH),
        Remark(topic=Topic.WORKFLOW, text=_RETRIEVE),
        Remark(topic=Topic.STORAGE, text=_METADATA),
        PublishedSettings(names=tuple(type(settings).model_fields)),
    ]
