"""What an instance of each storage SOP class holds besides patient, study and series (PS3.3 A).

The kinds are told from the keywords of PS3.6 Table A-1, so that a class that is added there has
one as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pydicom import Dataset
from pynetdicom import sop_class
from pynetdicom.presentation import AllStoragePresentationContexts

from pacs_framework.testing.pixels import BIT, BYTE, COLOR, FLOAT, WORD, Form

__all__ = [
    "STORAGE_CLASSES",
    "fill",
    "form_of",
    "has_pixels",
    "is_multi_frame",
    "modality_of",
]

STORAGE_CLASSES: tuple[str, ...] = tuple(
    str(context.abstract_syntax) for context in AllStoragePresentationContexts
)
"""Every storage SOP class that pynetdicom knows."""

_MODALITIES = (
    ("Encapsulated(PDF|CDA)", "DOC"),
    ("Encapsulated(STL|OBJ|MTL)|SurfaceScanMesh", "M3D"),
    ("SurfaceScanPointCloud", "LS"),
    ("PresentationSta[tg]e", "PR"),
    ("KeyObject", "KO"),
    ("AnnotationSR|SRStorage|ProcedureLog|ContentAssessment|ThicknessAndVolumeReport", "SR"),
    ("SpectaclePrescription|IntraocularLens", "IOL"),
    ("MicroscopyBulk", "ANN"),
    ("AmbulatoryECG|ECG", "ECG"),
    ("Hemodynamic|ArterialPulse", "HD"),
    ("Electrophysiology", "EPS"),
    ("Audio", "AU"),
    ("Respiratory", "RESP"),
    ("Electroencephalogram", "EEG"),
    ("Electromyogram", "EMG"),
    ("Electrooculogram", "EOG"),
    ("BodyPosition", "POS"),
    ("Mammography|Breast", "MG"),
    ("IntraOral", "IO"),
    ("DigitalXRay", "DX"),
    ("ComputedRadiography", "CR"),
    ("SurfaceSegmentation|Segmentation", "SEG"),
    ("Registration", "REG"),
    ("Fiducials", "FID"),
    ("RealWorldValue", "RWV"),
    ("RTDose", "RTDOSE"),
    ("RTStructureSet", "RTSTRUCT"),
    ("RT(Ion)?Plan", "RTPLAN"),
    ("Treatment(Summary)?Record|RadiationRecord|SalvageRecord", "RTRECORD"),
    ("RTImage|RT.*Image", "RTIMAGE"),
    ("RTPhysicianIntent", "RTINTENT"),
    ("RTSegmentAnnotation", "RTSEGANN"),
    ("^RT|Radiation", "RTRAD"),
    ("Positron|PET", "PT"),
    ("NuclearMedicine", "NM"),
    ("MRSpectroscopy|MR", "MR"),
    ("Tractography", "MR"),
    ("CTPerformed|CT|ParametricMap", "CT"),
    ("Photoacoustic", "PA"),
    ("Ultrasound|US", "US"),
    ("XRay3DCraniofacial", "DX"),
    ("Radiofluoroscopic|XRF", "RF"),
    ("Angiographic|XA", "XA"),
    ("Intravascular", "IVOCT"),
    ("OphthalmicTomography|OpticalCoherence|ThicknessMap", "OPT"),
    ("OphthalmicPhotography", "OP"),
    ("CornealTopography", "KER"),
    ("Lensometry", "LEN"),
    ("Autorefraction", "AR"),
    ("Keratometry", "KER"),
    ("SubjectiveRefraction", "SRF"),
    ("VisualAcuity", "VA"),
    ("OphthalmicAxial", "OAM"),
    ("Perimetry", "OPV"),
    ("Endoscopic", "ES"),
    ("WholeSlide|SlideCoordinates", "SM"),
    ("Microscop", "GM"),
    ("Dermoscopic", "DMS"),
    ("Photographic", "XC"),
    ("RawData", "OT"),
    ("StructuredDisplay", "SD"),
)
_PIXELS = re.compile(
    "Image|RTDose|Segmentation(?!.*Pres)|ParametricMap|ThicknessMap|TopographyMap|USVolume|BscanVol"
)
_NO_PIXELS = re.compile("SurfaceSegmentation|PresentationSta|ImagingAgent|AnnotationStorage")
_MULTI_FRAME = re.compile(
    "Enhanced(?!SR|XRayRad)|MultiFrame|Tomosynthesis|Segmentation|WholeSlide|Video|ParametricMap|"
    "OphthalmicTomography|XRay3D|USVolume|Tiled|BscanVol|OpticalCoherence.*Image|NuclearMedicine"
)
_FORMS = (
    ("^Segmentation|SingleBit", BIT),
    ("ParametricMap", FLOAT),
    ("TrueColor|^VL|^Video|Dermoscopic|MRColor", COLOR),
    ("GrayscaleByte|8Bit|LabelMap|^UltrasoundI|^UltrasoundM", BYTE),
)
_REPORT = re.compile("SRStorage|KeyObject|ProcedureLog|ThicknessAndVolumeReport")
_MIME_TYPES = {
    "PDF": "application/pdf",
    "CDA": "text/XML",
    "STL": "model/stl",
    "OBJ": "model/obj",
    "MTL": "model/mtl",
}


def modality_of(sop_class_uid: str) -> str:
    """A Modality (0008,0060) that goes with the SOP class; OT where nothing better is known."""
    keyword = _keyword(sop_class_uid)
    return next((name for pattern, name in _MODALITIES if re.search(pattern, keyword)), "OT")


def has_pixels(sop_class_uid: str) -> bool:
    """Whether instances carry Pixel Data, or its floating-point kind."""
    keyword = _keyword(sop_class_uid)
    return bool(_PIXELS.search(keyword)) and not _NO_PIXELS.search(keyword)


def is_multi_frame(sop_class_uid: str) -> bool:
    """Whether instances may hold several frames."""
    return has_pixels(sop_class_uid) and bool(_MULTI_FRAME.search(_keyword(sop_class_uid)))


def form_of(sop_class_uid: str) -> Form:
    """Bits and samples of the class's pixels; 16 bits where it leaves a choice."""
    keyword = _keyword(sop_class_uid)
    return next((form for pattern, form in _FORMS if re.search(pattern, keyword)), WORD)


def fill(instance: Dataset, sop_class_uid: str) -> None:
    """Add what makes ``instance`` one of its class; pixels are added elsewhere."""
    keyword = _keyword(sop_class_uid)
    for pattern, add in _CONTENTS:
        if re.search(pattern, keyword):
            add(instance, keyword)


def _keyword(sop_class_uid: str) -> str:
    """The keyword of PS3.6 Table A-1 as pynetdicom spells it; empty for a private class."""
    return _KEYWORDS.get(sop_class_uid, "")


_KEYWORDS = {
    str(uid): keyword
    for keyword, uid in vars(sop_class).items()
    if isinstance(uid, sop_class.SOPClass)
}


def _add_waveform(instance: Dataset, _keyword: str) -> None:
    """One multiplex group with one channel of eight samples (PS3.3 C.10.9)."""
    source = _code("5.6.3-9-1", "SCPECG", "Lead I")
    channel = Dataset()
    channel.ChannelSourceSequence = [source]
    channel.WaveformBitsStored = 16
    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels = 1
    group.NumberOfWaveformSamples = 8
    group.SamplingFrequency = "500"
    group.ChannelDefinitionSequence = [channel]
    group.WaveformBitsAllocated = 16
    group.WaveformSampleInterpretation = "SS"
    group.WaveformData = bytes(range(16))
    group["WaveformData"].VR = "OW"
    instance.AcquisitionDateTime = "20260102101112"
    instance.WaveformSequence = [group]


def _add_report(instance: Dataset, _keyword: str) -> None:
    """A container with one text (PS3.3 C.17.3)."""
    text = Dataset()
    text.RelationshipType = "CONTAINS"
    text.ValueType = "TEXT"
    text.ConceptNameCodeSequence = [_code("121071", "DCM", "Finding")]
    text.TextValue = "Normal"
    instance.ValueType = "CONTAINER"
    instance.ConceptNameCodeSequence = [_code("126000", "DCM", "Imaging Measurement Report")]
    instance.ContinuityOfContent = "SEPARATE"
    instance.CompletionFlag = "COMPLETE"
    instance.VerificationFlag = "UNVERIFIED"
    instance.ContentDate, instance.ContentTime = "20260102", "101112"
    instance.PerformedProcedureCodeSequence = []
    instance.ReferencedPerformedProcedureStepSequence = []
    instance.ContentSequence = [text]


def _add_document(instance: Dataset, keyword: str) -> None:
    """A few bytes of the document, of even length (PS3.3 C.24.2)."""
    kind = keyword.removeprefix("Encapsulated").removesuffix("Storage")
    instance.MIMETypeOfEncapsulatedDocument = _MIME_TYPES[kind]
    instance.DocumentTitle = "Document"
    instance.BurnedInAnnotation = "YES"
    instance.ConversionType = "WSD"
    instance.EncapsulatedDocument = b"%PDF-1.4\n%%EOF\n\n" if kind == "PDF" else b"<empty/>"


def _add_presentation(instance: Dataset, _keyword: str) -> None:
    """What is shown, and how (PS3.3 C.11.10)."""
    instance.ContentLabel, instance.ContentDescription = "STATE", "As it was seen"
    instance.PresentationCreationDate, instance.PresentationCreationTime = "20260102", "101112"
    instance.ContentCreatorName = ""
    instance.PresentationLUTShape = "IDENTITY"


def _add_spectroscopy(instance: Dataset, _keyword: str) -> None:
    """Two complex points (PS3.3 C.8.14.3)."""
    instance.Rows = instance.Columns = 1
    instance.DataPointRows, instance.DataPointColumns = 1, 2
    instance.DataRepresentation = "COMPLEX"
    instance.SignalDomainColumns = "TIME"
    instance.NumberOfFrames = 1
    instance.SpectroscopyData = bytes(16)


def _add_plan(instance: Dataset, _keyword: str) -> None:
    """The labels by which plans and structure sets are known (PS3.3 C.8.8)."""
    instance.RTPlanLabel, instance.RTPlanGeometry = "PLAN", "TREATMENT_DEVICE"
    instance.RTPlanDate, instance.RTPlanTime = "20260102", "101112"


def _add_structures(instance: Dataset, _keyword: str) -> None:
    instance.StructureSetLabel = "STRUCTURES"
    instance.StructureSetDate, instance.StructureSetTime = "20260102", "101112"
    instance.StructureSetROISequence = []
    instance.ROIContourSequence = []
    instance.RTROIObservationsSequence = []


def _add_segments(instance: Dataset, _keyword: str) -> None:
    """One segment (PS3.3 C.8.20.4)."""
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = 1, "Liver"
    segment.SegmentAlgorithmType = "MANUAL"
    instance.ContentLabel, instance.ContentDescription = "SEGMENTATION", ""
    instance.ContentCreatorName = ""
    instance.SegmentationType = "BINARY"
    instance.SegmentSequence = [segment]


def _add_raw(instance: Dataset, _keyword: str) -> None:
    """Raw data are in private elements (PS3.3 A.37)."""
    block = instance.private_block(0x0009, "PACS-FRAMEWORK", create=True)
    block.add_new(0x01, "OB", bytes(range(16)))
    instance.CreatorVersionUID = "2.25.162004993462285169518646539564121335783"


_CONTENTS: tuple[tuple[str, Callable[[Dataset, str], None]], ...] = (
    ("WaveformStorage$", _add_waveform),
    (_REPORT.pattern, _add_report),
    ("^Encapsulated", _add_document),
    ("PresentationSta", _add_presentation),
    ("MRSpectroscopy", _add_spectroscopy),
    ("^RT(Ion)?PlanStorage", _add_plan),
    ("RTStructureSet", _add_structures),
    ("SegmentationStorage$", _add_segments),
    ("RawData", _add_raw),
)


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code
