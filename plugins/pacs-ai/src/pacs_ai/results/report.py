"""Measurements as a report (PS3.16 TID 1500), of segments or of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import highdicom as hd
from pydicom import Dataset

from pacs_ai.api import Finding, Measurement, Measurements
from pacs_ai.errors import RefusedOutput
from pacs_ai.results.signature import Signature, coded

__all__ = ["write_report"]

_MOST_IMAGES = 16
"""Of how many images a group says that it is of them; the evidence names all."""


def write_report(
    made: Measurements,
    sources: Sequence[Dataset],
    segmentations: Sequence[Dataset],
    signature: Signature,
    what: str,
    series_number: int,
) -> Dataset:
    """The instance. ``segmentations`` are those of the same run, for findings about segments.

    There is no image library (TID 1600 is optional here): what it says of each image stands in that
    image, and it would be most of the report and of the time that it takes.
    """
    groups = [_group(finding, sources, segmentations, signature, what) for finding in made.findings]
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(
            observer_device_context=signature.as_observer()
        ),
        procedure_reported=_procedure(sources[0]),
        imaging_measurements=groups,
    )
    return hd.sr.Comprehensive3DSR(
        evidence=[*sources, *segmentations],
        content=report[0],
        series_instance_uid=signature.uid(f"{what}/series"),
        series_number=series_number,
        sop_instance_uid=signature.uid(what),
        instance_number=1,
        manufacturer=signature.equipment["manufacturer"],
        manufacturer_model_name=signature.name,
        software_versions=signature.version,
        device_serial_number=signature.run,
        series_description=f"{signature.name}: {made.description}"[:64],
        is_complete=True,
        is_final=False,
        is_verified=False,
    )


def _procedure(source: Dataset) -> hd.sr.CodedConcept:
    if source.get("Modality") == "CT":
        return hd.sr.CodedConcept("77477000", "SCT", "Computed tomography")
    return hd.sr.CodedConcept("363679005", "SCT", "Imaging procedure")


def _group(
    finding: Finding,
    sources: Sequence[Dataset],
    segmentations: Sequence[Dataset],
    signature: Signature,
    what: str,
) -> (
    hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations
    | hd.sr.MeasurementsAndQualitativeEvaluations
):
    common: dict[str, Any] = {
        "finding_type": coded(finding.kind),
        "algorithm_id": signature.for_reports(),
        "finding_sites": [hd.sr.FindingSite(coded(finding.site))] if finding.site else None,
        "measurements": [_measurement(each) for each in finding.measurements] or None,
        "qualitative_evaluations": [
            hd.sr.QualitativeEvaluation(coded(name), coded(value))
            for name, value in finding.evaluations
        ]
        or None,
    }
    if not finding.segment:
        return hd.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=hd.sr.TrackingIdentifier(
                uid=signature.uid(f"{what}/{finding.label}"), identifier=finding.label
            ),
            source_images=[
                hd.sr.SourceImageForMeasurementGroup.from_source_image(source)
                for source in sources[:_MOST_IMAGES]
            ],
            **common,
        )
    segmentation, number = _segment(finding.segment, segmentations)
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=str(segmentation.SegmentSequence[number - 1].TrackingUID),
            identifier=finding.label,
        ),
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=segmentation.SOPClassUID,
            sop_instance_uid=segmentation.SOPInstanceUID,
            segment_number=number,
            source_series=hd.sr.SourceSeriesForSegmentation(sources[0].SeriesInstanceUID),
        ),
        **common,
    )


def _segment(label: str, segmentations: Sequence[Dataset]) -> tuple[Dataset, int]:
    for segmentation in segmentations:
        for segment in segmentation.SegmentSequence:
            if segment.SegmentLabel == label:
                return segmentation, int(segment.SegmentNumber)
    raise RefusedOutput(f"a finding is about segment {label!r}, in which nothing is segmented")


def _measurement(made: Measurement) -> hd.sr.Measurement:
    return hd.sr.Measurement(
        name=coded(made.name),
        value=made.value,
        unit=coded(made.unit),
        derivation=coded(made.derivation) if made.derivation else None,
    )
