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
    "or backslashes. includefield, limit, offset, fuzzymatching, emptyvaluematching and "
    "multiplevaluematching are supported, the last three with the meaning that they have for "
    "C-FIND by extended negotiation. Answers are DICOM JSON or Native DICOM XML in UTF-8."
)
_RETRIEVE = (
    "Web service WADO-RS, origin server (PS3.18 10.4): studies, series and instances as "
    "multipart/related, application/zip or, one instance, application/dicom; frames; bulk data and "
    "pixel data, single values and all of a study, series or instance, also in a ZIP archive; "
    "metadata as DICOM JSON or Native DICOM XML, also in a ZIP archive. Without a transfer syntax "
    "in Accept, Explicit VR Little Endian is sent, and what no codec decodes as it is stored; "
    "single instances, frames and values alone have byte ranges, as have native pixel data of "
    "several frames as one application/octet-stream; "
    "transfer-syntax=* gives every instance as it is stored. Compressed transfer syntaxes that are "
    "not the stored one are sent where a codec is installed that encodes them without loss; else "
    "the answer is 406, or 206 where it holds for some of the instances."
)
_METADATA = (
    "Metadata of series (PS3.18 10.4.1.1.2) are kept in the form in which they are answered, in "
    "the plugin's table. What a plugin or a correction of the patient changes for a recipient is "
    "made anew for each request and never kept."
)

_RENDERED = (
    "Rendered resources and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.4) of studies, series, "
    "instances and frames: image/jpeg, image/png, image/gif and image/jp2, with viewport, window, "
    "annotation (patient, technique), quality and iccprofile (no, yes, srgb); video/mp4, "
    "video/mpeg and encapsulated documents as they are stored. Grayscale, Color, Pseudo-Color, "
    "Variable Modality LUT, XA/XRF Grayscale and Blending Softcopy Presentation States and "
    "Advanced Blending Presentation States are rendered as the images that they refer to, masks "
    "subtracted, others blended with them where they lie, by Spatial Registrations (not deformable "
    "ones), with viewport (width and height), quality and iccprofile; Volumetric Presentation "
    "States and Time Series Blending are not (501). "
    "Structured reports are rendered as text/html, text/plain and text/xml (Native DICOM Model). "
    "The thumbnail of a report or document is a page with its title."
)
_VOLUMES = (
    "Rendered MPR and 3D volumes (PS3.18 10.4.1.1.7, 10.4.1.1.8) of studies, series and instances, "
    "as renderedmpr and rendered3d: the media types of rendered images, with renderingmethod "
    "(maximum_ip, minimum_ip, average_ip, volume_rendered), orientation, viewpointposition, "
    "viewpointlookat, viewpointup, mprslab, volumeinputreference (instances, or frames of one), "
    "viewport (width and height), window, annotation, quality and iccprofile; swivelrange, "
    "animationstepsize and animationrate for image/gif; renderedvolumetricmetadata (Annex K). "
    "Attribute matching, volumetriccurvepoint, videos and Volumetric Presentation States are not "
    "supported. Without renderingmethod, MPR are average_ip and 3D maximum_ip; without a view, the "
    "patient is seen from the front. Without window, MPR have that of the images, and 3D one from "
    "the values of the volume; without viewport, a picture takes at most 24 million samples."
)
_URI = (
    "Web service WADO-URI, origin server (PS3.18 chapter 9), at /wado: application/dicom in any "
    "transfer syntax that can be had without loss, and the media types of rendered resources, "
    "with all parameters. anonymize=yes is answered {anonymized}."
)
_BY_ANONYMIZER = "by the anonymizer {name!r} of this archive, and 422 where it refuses"
_BY_NOBODY = "with 501, as no anonymizer is configured for it"
_COMMITMENT = (
    "Storage Commitment Service, origin server (PS3.18 chapter 13), where a plugin answers for "
    "what is stored: Request and Result Check, of instances in Referenced SOP Sequence "
    "(0008,1199), as DICOM JSON or Native DICOM XML. Results are for who asked."
)
_STORE = (
    "Web service STOW-RS, origin server (PS3.18 10.5): multipart/related of application/dicom, of "
    "application/dicom+json or application/dicom+xml with bulk data, and a single "
    "application/dicom. Instances come through the same door as those of C-STORE, with the same "
    "statuses as FailureReason and WarningReason, and are durable when the request is answered. "
    "Bulk data of pixel data may be compressed, one part for each frame; the attributes of the "
    "Image Pixel Module have to be in the metadata then. What is identical to what is stored is a "
    "success. Of a body that breaks off, the parts that were whole stay stored."
)
_WORKLIST = (
    "Web service UPS-RS, origin server (PS3.18 chapter 11), where a plugin keeps workitems: all "
    "transactions. Notification connections (PS3.18 8.10.4) are opened by GET of "
    "/subscribers/{aetitle} under /dicom-web as a WebSocket, several for an AE title if need be; "
    "each is told every event report. A subscriber without one is told by the UPS Event SOP Class "
    "where it is a configured peer, else when it opens one; reports are queued meanwhile. "
    "Capabilities (PS3.18 8.9) are told as WADL or JSON."
)
_STEPS = (
    "Web services for modalities, origin server, where plugins keep their steps: Modality "
    "Scheduled Procedure Step Service (PS3.18 chapter 14), the search with all keys of the "
    "worklist; Modality Performed Procedure Step Service (chapter 15), Create, Update and Retrieve."
)
_NON_PATIENT = (
    "Non-Patient Instance Service, origin server (PS3.18 chapter 12), where a plugin keeps such "
    "instances: Search with every attribute as a key, Retrieve as DICOM JSON, Native DICOM XML or "
    "application/dicom in any uncompressed transfer syntax, and Store of the same, to a category "
    "or to the address of one instance."
)
_USER_AGENT = (
    "As user agent: the command pacs dicomweb searches (QIDO-RS), retrieves (WADO-RS, "
    "transfer-syntax=* unless told) and stores (STOW-RS, application/dicom). What comes in is "
    "forwarded by STOW-RS to the servers of {number} configured rules, as it is stored, and tried "
    "again until the server says that it is stored."
)


def contributions(settings: DicomwebSettings) -> list[Contribution]:
    """The web services, and the settings that decide on them."""
    return [
        Remark(topic=Topic.WORKFLOW, text=_SEARCH),
        Remark(topic=Topic.WORKFLOW, text=_RETRIEVE),
        Remark(topic=Topic.WORKFLOW, text=_RENDERED),
        Remark(topic=Topic.WORKFLOW, text=_VOLUMES),
        Remark(topic=Topic.WORKFLOW, text=_URI.format(anonymized=_anonymized(settings))),
        Remark(topic=Topic.STORAGE, text=_METADATA),
        Remark(topic=Topic.STORAGE, text=_STORE),
        Remark(topic=Topic.WORKFLOW, text=_WORKLIST),
        Remark(topic=Topic.WORKFLOW, text=_COMMITMENT),
        Remark(topic=Topic.WORKFLOW, text=_STEPS),
        Remark(topic=Topic.WORKFLOW, text=_NON_PATIENT),
        Remark(topic=Topic.WORKFLOW, text=_USER_AGENT.format(number=len(settings.forward))),
        # Whom a site forwards to is nobody else's business.
        PublishedSettings(names=tuple(sorted({*type(settings).model_fields} - {"forward"}))),
    ]


def _anonymized(settings: DicomwebSettings) -> str:
    name = settings.anonymizer
    return _BY_ANONYMIZER.format(name=name) if name else _BY_NOBODY
