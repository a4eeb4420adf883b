"""What is written is read by others: DCMTK, dciodvfy, dcmqi, highdicom; and lies on its source."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from ai_archives import Ai, Start
from ai_phantom import ct_series, enhanced_ct, voxels
from ai_readers import errors_of, read_nrrd, run, tool
from pydicom import Dataset, dcmread

from pacs_ai import plugin
from pacs_ai.book import State
from pacs_ai.terms import NAME
from pacs_framework.testing.running import running_archive

Named = Callable[..., dict[str, Any]]
REAL = Path(__file__).resolve().parents[4] / "shared" / "dicom" / "ct-series"


def made_by(start: Start, label: str, images: list[Dataset], folder: Path, **more: Any) -> Any:
    """Modality to file of what a model makes of a series."""
    ai = start(**more)
    ai.running.take_in(*images)
    record = ai.run(label, images, output=folder)
    assert record.state is State.DONE, record.reason
    return {dcmread(path).Modality: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def statistics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of ``hu-statistics`` on the phantom; who reads them leaves them as they are."""
    folder = tmp_path_factory.mktemp("statistics")
    with running_archive(folder / "data", {NAME: plugin}) as running:
        ai = Ai(running, {})
        images = ct_series()
        running.take_in(*images)
        assert ai.run("hu-statistics", images, output=folder / "made").state is State.DONE
    return {dcmread(path).Modality: path for path in (folder / "made").iterdir()}


def read_segmentation(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hd.seg.segread(path)


def test_segments_lie_on_their_sources(start: Start, tmp_path: Path) -> None:
    """For each source image the frame of its mask, as highdicom finds it by reference."""
    images = ct_series()
    files = made_by(start, "lungs", images[::-1], tmp_path / "made")
    read = read_segmentation(files["SEG"])
    uids = [image.SOPInstanceUID for image in images]
    masks = read.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
    labels = [read.get_segment_description(number).segment_label for number in (1, 2)]
    assert labels == ["Left lung", "Right lung"]
    np.testing.assert_array_equal(masks.any(axis=-1), voxels() == -800)
    assert masks[:, :, :32, 0].sum() == masks[:, :, 32:, 1].sum() == 0  # left is at higher x
    assert 0 < masks[..., 0].sum() < masks[..., 1].sum()


def test_segments_of_an_enhanced_image_lie_on_its_frames(start: Start, tmp_path: Path) -> None:
    image = enhanced_ct()
    files = made_by(start, "lungs", [image], tmp_path / "made")
    read = read_segmentation(files["SEG"])
    masks = read.get_pixels_by_source_frame(
        image.SOPInstanceUID, range(1, 13), assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(masks.any(axis=-1)[::-1], voxels() == -800)


def test_a_report_has_what_is_measured(statistics: dict[str, Path]) -> None:
    """Of each segment of the segmentation beside it, with unit and derivation."""
    report = hd.sr.srread(statistics["SR"])
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == ["Body", "Left lung", "Right lung"]
    right = groups[2]
    segment = right.referenced_segment
    assert segment.referenced_sop_instance_uid == dcmread(statistics["SEG"]).SOPInstanceUID
    assert list(segment.referenced_segment_numbers) == [3]
    found = {
        (each.name.meaning, each.derivation.meaning if each.derivation else ""): each
        for each in right.get_measurements()
    }
    mean = found["Attenuation Coefficient", "Mean"]
    assert (mean.value, mean.unit.value) == (-800.0, "[hnsf'U]")
    inside = int((voxels() == -800)[:, :, :32].sum())
    assert found["Volume", ""].value == pytest.approx(inside * 0.24)


@pytest.mark.interop
def test_dciodvfy_finds_no_error(
    start: Start, python_model: Named, statistics: dict[str, Path], tmp_path: Path
) -> None:
    """In a Segmentation, a report of segments, one without, and a Secondary Capture."""
    others = start(python_model("Dense"))
    images = ct_series()
    others.running.take_in(*images)
    others.run("dense", images, output=tmp_path / "dense")
    files = [*statistics.values(), *(tmp_path / "dense").iterdir()]
    assert len(files) == 5
    for file in files:
        assert errors_of(file) == []


@pytest.mark.interop
def test_dcmqi_reads_segments_at_their_place(statistics: dict[str, Path], tmp_path: Path) -> None:
    """Each becomes an image of ITK: as many voxels, in the same place of the patient."""
    run(
        tool("segimage2itkimage"),
        *("--inputDICOM", statistics["SEG"], "--outputDirectory", tmp_path, "-t", "nrrd"),
    )
    segments = json.loads((tmp_path / "meta.json").read_text())["segmentAttributes"]
    assert [each[0]["SegmentLabel"] for each in segments] == ["Body", "Left lung", "Right lung"]
    assert segments[0][0]["SegmentAlgorithmName"] == "hu-statistics"
    header, data = read_nrrd(tmp_path / "1.nrrd")
    inside = np.isin(voxels(), (40, 700, -800))
    inside[:, 46] = False
    np.testing.assert_array_equal(data.astype(bool), inside)
    assert header["space origin"] == "(-160,-140,30)"
    assert header["space directions"] == "(5,0,0) (0,6,0) (0,0,8)"


@pytest.mark.interop
def test_dcmqi_reads_measurements(statistics: dict[str, Path], tmp_path: Path) -> None:
    """tid1500reader finds each group, its segment, and each number."""
    out = tmp_path / "report.json"
    run(tool("tid1500reader"), "--inputDICOM", statistics["SR"], "--outputMetadata", out)
    groups = json.loads(out.read_text())["Measurements"]
    assert [group["TrackingIdentifier"] for group in groups] == ["Body", "Left lung", "Right lung"]
    assert [group["ReferencedSegment"] for group in groups] == [1, 2, 3]
    values = {
        (
            item["quantity"]["CodeMeaning"],
            item.get("derivationModifier", {}).get("CodeMeaning"),
        ): float(item["value"])
        for item in groups[0]["measurementItems"]
    }
    assert values["Attenuation Coefficient", "Maximum"] == 700
    assert values["Attenuation Coefficient", "Minimum"] == -800


@pytest.mark.interop
def test_dcmtk_reads_reports(statistics: dict[str, Path]) -> None:
    said = run(tool("dsrdump"), statistics["SR"])
    assert 'TEXT:(,,"Algorithm Name")="hu-statistics"' in said
    assert "Error" not in said


def test_a_real_series_is_segmented(start: Start, tmp_path: Path) -> None:
    """A head of plastic of a Philips scanner: its body is what is denser than air."""
    folder = REAL / "philips"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    images = [dcmread(path) for path in sorted(folder.glob("I*"))]
    files = made_by(start, "body", images, tmp_path / "made")
    read = read_segmentation(files["SEG"])
    images.sort(key=lambda image: float(image.ImagePositionPatient[2]))
    masks = read.get_pixels_by_source_instance(
        [image.SOPInstanceUID for image in images], assert_missing_frames_are_empty=True
    )[..., 0].astype(bool)
    values = np.stack([image.pixel_array for image in images]).astype(int) - 1024
    assert masks[14, 256, 256]  # within the skull, which is hollow
    assert (values[~masks] > -300).mean() < 0.05  # the holder, which is left out
    assert values[14, :, :30].max() > -300
    assert not masks[14, :, :30].any()


def test_a_tilted_gantry_is_told(start: Start) -> None:
    """A head of a GE scanner, in two parts and tilted."""
    folder = REAL / "ge"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    images = [dcmread(path) for path in sorted(folder.glob("*.dcm"))][:14]
    ai = start()
    ai.running.take_in(*images)
    with pytest.raises(Exception, match=r"as with a gantry tilted by 18\.5°"):
        ai.run("body", images)
