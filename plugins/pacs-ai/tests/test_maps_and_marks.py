"""Parametric maps, presentation states, key objects and label maps, as others read them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from ai_archives import HERE, Ai, Start
from ai_phantom import ct_series, enhanced_ct, voxels
from ai_readers import errors_of, read_nrrd, run, tool
from click.testing import CliRunner
from PIL import Image
from pydicom import Dataset, dcmread

from pacs_ai import plugin
from pacs_ai.book import State
from pacs_ai.terms import NAME
from pacs_framework.cli.main import main
from pacs_framework.testing.running import running_archive

Named = Callable[..., dict[str, Any]]
KINDS = {"OT": "map", "PR": "state", "KO": "selection", "SEG": "labels"}


class Made:
    """What `ai_sample_models.Draws` makes of a series, and the series."""

    def __init__(self, folder: Path, images: list[Dataset]) -> None:
        self.images = images
        model = {"load": "ai_sample_models:Draws", "folder": str(HERE), "network": True}
        own = {"models": [{"name": "draws", "version": "1", **model}]}
        settings = {"plugin": {NAME: own}}
        with running_archive(folder / "data", {NAME: plugin}, settings=settings) as running:
            ai = Ai(running, own)
            running.take_in(*images)
            record = ai.run("draws", images, output=folder / "made")
        assert record.state is State.DONE, record.reason
        paths = list((folder / "made").iterdir())
        self.files = {KINDS[dcmread(path).Modality]: path for path in paths}
        self.sources = []
        for image in images:
            self.sources.append(folder / f"{len(self.sources)}.dcm")
            image.save_as(self.sources[-1], enforce_file_format=True)

    def __getitem__(self, kind: str) -> Dataset:
        return dcmread(self.files[kind])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Of single-frame images with square pixels, which a renderer leaves as they are."""
    return Made(tmp_path_factory.mktemp("draws"), ct_series(PixelSpacing=[5, 5]))


@pytest.fixture(scope="module")
def of_frames(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Of an enhanced image, whose frames run against the slices."""
    return Made(tmp_path_factory.mktemp("frames"), [enhanced_ct()])


@pytest.mark.parametrize("of", ["made", "of_frames"])
def test_a_map_has_each_value_at_its_place(of: str, request: pytest.FixtureRequest) -> None:
    """As highdicom finds it, in real world values; and it names what it is of."""
    found: Made = request.getfixturevalue(of)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        volume = hd.imread(found.files["map"]).get_volume(apply_real_world_transform=True)
    slices = volume.array if volume.direction[2, 0] > 0 else volume.array[::-1]
    np.testing.assert_allclose(slices, voxels() / 1000, rtol=1e-6)
    written = found["map"]
    np.testing.assert_array_equal(written.pixel_array, (voxels() / 1000).astype("f4"))
    assert {
        item.ReferencedSOPInstanceUID
        for item in written.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    } == {image.SOPInstanceUID for image in found.images}
    shared = written.SharedFunctionalGroupsSequence[0]
    meant = shared.RealWorldValueMappingSequence[0]
    assert meant.MeasurementUnitsCodeSequence[0].CodeValue == "1"
    assert meant.DoubleFloatRealWorldValueFirstValueMapped == -1.0
    shown = shared.FrameVOILUTSequence[0]
    assert (shown.WindowCenter, shown.WindowWidth) == (-0.15, 1.7)  # all from -1.0 to 0.7


@pytest.mark.interop
def test_dcmqi_reads_maps(made: Made, tmp_path: Path) -> None:
    """Each value, at its place in the patient."""
    run(
        tool("paramap2itkimage"),
        *("--inputDICOM", made.files["map"], "--outputDirectory", tmp_path, "-t", "nrrd"),
    )
    header, data = read_nrrd(tmp_path / "pmap.nrrd")
    np.testing.assert_allclose(data, voxels() / 1000, rtol=1e-6)
    assert header["space origin"] == "(-160,-140,30)"
    told = json.loads((tmp_path / "meta.json").read_text())
    assert told["QuantityValueCode"]["CodeMeaning"] == "Thing"
    assert (told["AnatomicRegionSequence"]["CodeMeaning"], told["FrameLaterality"]) == ("Lung", "B")


def render(image: Path, into: Path, *more: object) -> np.ndarray:
    done = CliRunner().invoke(
        main, list(map(str, ("render", image, "-o", into, "--format", "png", *more)))
    )
    assert done.exit_code == 0, done.output
    return np.array(Image.open(into).convert("L")).astype(int)


def test_marks_lie_on_their_voxels(made: Made, tmp_path: Path) -> None:
    """What is drawn filled along the edges of voxels covers these, and nothing else."""
    number = 2
    seen = render(made.sources[number], tmp_path / "seen.png", "--state", made.files["state"])
    state = made["state"]
    del state.GraphicAnnotationSequence, state.GraphicLayerSequence
    state.save_as(tmp_path / "bare.dcm")
    bare = render(made.sources[number], tmp_path / "bare.png", "--state", tmp_path / "bare.dcm")
    within = seen != bare
    assert within[11:14, 21:29].all()
    around = np.zeros_like(within)
    around[9:16, 19:31] = True  # a line is a pixel wide, half of it beyond the edge
    assert not (within & ~around).any()


def test_marks_are_told_of_their_images(of_frames: Made) -> None:
    """By frame, in columns and rows from the corner of the first pixel on (PS3.3 C.10.5.1.1)."""
    annotations = of_frames["state"].GraphicAnnotationSequence
    frames = [each.ReferencedImageSequence[0].ReferencedFrameNumber for each in annotations]
    assert frames == [10, 8, 6]  # slices 2, 4 and 6 of twelve, from the head down
    text, (box, point) = annotations[1].TextObjectSequence[0], annotations[1].GraphicObjectSequence
    assert (text.UnformattedTextValue, list(text.AnchorPoint)) == ("lung", [20, 10])
    assert list(box.GraphicData) == [20, 10, 30, 10, 30, 15, 20, 15, 20, 10]
    assert (point.GraphicType, list(point.GraphicData)) == ("POINT", [12.5, 10.5])
    circle = annotations[2].GraphicObjectSequence[0]
    assert (circle.GraphicType, list(circle.GraphicData)) == ("CIRCLE", [32.5, 24.5, 40.5, 24.5])


@pytest.mark.interop
def test_dcmtk_shows_the_window_of_a_state(made: Made, tmp_path: Path) -> None:
    """From -900 to 300 Hounsfield units, each grey within one of 255."""
    shown = tmp_path / "shown.pgm"
    run(tool("dcmp2pgm"), "-p", made.files["state"], made.sources[4], shown)
    greys = np.array(Image.open(shown)).astype(float)
    expected = np.clip((voxels()[4] + 900) / 1200, 0, 1) * 255
    assert np.abs(greys - expected).max() < 1
    assert "Test passed" in run(tool("dcmpschk"), made.files["state"])


def referenced(selection: Dataset) -> list[tuple[str, Any]]:
    """Instances and frames of a selection, in its order."""
    return [
        (each.ReferencedSOPInstanceUID, each.get("ReferencedFrameNumber"))
        for item in selection.ContentSequence
        for each in item.get("ReferencedSOPSequence", ())
    ]


def test_a_selection_names_images_in_the_order_of_the_model(made: Made, of_frames: Made) -> None:
    selection = made["selection"]
    assert referenced(selection) == [
        (made.images[6].SOPInstanceUID, None),
        (made.images[4].SOPInstanceUID, None),
    ]
    assert selection.ConceptNameCodeSequence[0].CodeMeaning == "Of Interest"
    (one,) = referenced(of_frames["selection"])
    assert one == (of_frames.images[0].SOPInstanceUID, [6, 8])


@pytest.mark.interop
def test_dcmtk_reads_selections(made: Made) -> None:
    said = run(tool("dsrdump"), made.files["selection"])
    assert 'Key Object Description")="there are lungs"' in said
    assert said.count('IMAGE:(,,"Source")=(CT image,)') == 2
    assert 'Device Observer Name")="draws"' in said


@pytest.mark.interop
@pytest.mark.parametrize("of", ["made", "of_frames"])
@pytest.mark.parametrize("kind", ["map", "state", "selection"])
def test_dciodvfy_finds_no_error(kind: str, of: str, request: pytest.FixtureRequest) -> None:
    """It does not know label maps yet."""
    assert errors_of(request.getfixturevalue(of).files[kind]) == []


def test_a_label_map_is_what_its_segments_are(made: Made, of_frames: Made) -> None:
    """As highdicom reads it; with few bytes, for it has one plane of pixels."""
    for found in (made, of_frames):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            volume = hd.seg.segread(found.files["labels"]).get_volume(combine_segments=True)
        labels = volume.array if volume.direction[2, 0] > 0 else volume.array[::-1]
        expected = np.where(voxels() == -800, 1, 0) + np.where(voxels() == 700, 2, 0)
        np.testing.assert_array_equal(labels, expected)
    assert made["labels"].SegmentationType == "LABELMAP"


@pytest.mark.interop
def test_dcmqi_reads_label_maps(made: Made, tmp_path: Path) -> None:
    run(
        tool("segimage2itkimage"),
        *("--inputDICOM", made.files["labels"], "--outputDirectory", tmp_path, "-t", "nrrd"),
    )
    (segments,) = json.loads((tmp_path / "meta.json").read_text())["segmentAttributes"]
    assert [(each["labelID"], each["SegmentLabel"]) for each in segments] == [
        (1, "lung"),
        (2, "bone"),
    ]
    _, data = read_nrrd(tmp_path / "1.nrrd")
    np.testing.assert_array_equal(data == 1, voxels() == -800)
    np.testing.assert_array_equal(data == 2, voxels() == 700)


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        ("Overlaps", "segment 'b' overlaps another one in a label map"),
        ("OtherMap", "has the geometry (3, 3, 3), and the volume (12, 48, 64)"),
        ("Beyond", "a mark at 0, 64 is beyond 48 × 64"),
        ("NoSlice", "there is no slice 12: the volume has 12"),
        ("NotFinite", "a value of a map is not finite; give 0 where there is none"),
    ],
)
def test_what_does_not_fit_the_volume_is_refused(
    start: Start, python_model: Named, attribute: str, reason: str
) -> None:
    ai = start(python_model(attribute))
    images = ct_series()
    ai.running.take_in(*images)
    record = ai.run(attribute.lower(), images)
    assert (record.state, reason in record.reason) == (
        State.FAILED if attribute == "NotFinite" else State.REFUSED,
        True,
    ), record.reason
    assert ai.archive.lookup.count() == len(images)
