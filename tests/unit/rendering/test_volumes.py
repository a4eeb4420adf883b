"""Volumes: where their values are, beside SciPy; from where they are seen; what rays meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rendered import image, read
from scipy.ndimage import map_coordinates

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.frame_header import FrameHeader
from pacs_framework.rendering.voi import Window
from pacs_framework.rendering.volumes.assembling import TooLarge, assembled
from pacs_framework.rendering.volumes.camera import (
    Camera,
    Orientation,
    camera_at,
    camera_towards,
)
from pacs_framework.rendering.volumes.projecting import (
    RenderingMethod,
    rays_through,
    rendered_greys,
)
from pacs_framework.rendering.volumes.spanning import usual_span
from pacs_framework.rendering.volumes.volume import Grid, Volume

CORNER, SPACING, STEP = np.array((-20.0, 30.0, 5.0)), (1.5, 0.5), 2.5
FULL = Window(32768, 65536)
DATA = np.random.default_rng(7).integers(0, 60000, (6, 9, 12)).astype(np.uint16)


def volume(data: np.ndarray = DATA, most: int = 10_000, **attributes: Any) -> Volume:
    """Axial slices from below; attributes are those of each, or functions of its number."""
    frames = []
    for number, pixels in enumerate(data):
        said = {
            "FrameOfReferenceUID": "1.9",
            "ImagePositionPatient": [*CORNER[:2], CORNER[2] + number * STEP],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": list(SPACING),
        }
        said |= {
            name: value(number) if callable(value) else value for name, value in attributes.items()
        }
        made = image(pixels, **said)
        [(_, frame)] = read(made).frames(range(1, 2))
        frames.append((FrameHeader(made, 1), frame))
    frames.insert(0, frames.pop())  # in no order
    return assembled(frames, most)


def by_scipy(points: np.ndarray, data: np.ndarray = DATA) -> np.ndarray:
    """What is at points of the patient, for the slices of `volume`."""
    x, y, z = np.moveaxis(points - CORNER, -1, 0)
    index = np.stack((z / STEP, y / SPACING[0], x / SPACING[1]))
    return map_coordinates(data.astype(float), index, order=1, mode="nearest")


def points_of(grid: Grid) -> np.ndarray:
    """The places of a grid, one by one."""
    rows, columns = np.mgrid[: grid.height, : grid.width][..., np.newaxis]
    return grid.corner + columns * grid.right + rows * grid.down


def camera(forward: tuple[float, ...], up: tuple[float, ...], at: np.ndarray) -> Camera:
    """Looks at a point of the volume."""
    return camera_towards(tuple(at - np.array(forward)), tuple(at), up)


@pytest.mark.parametrize(
    ("right", "down"),
    [
        ((0.37, 0, 0), (0, 0.61, 0)),
        ((0.3, 0.2, 0.1), (0.05, -0.4, 0.7)),
        ((0, 0, -0.9), (0.2, 0.5, 0)),
    ],
)
def test_values_are_those_of_scipy(right: tuple[float, ...], down: tuple[float, ...]) -> None:
    """Trilinear, also oblique; inside is what is within half a voxel of the outermost ones."""
    found = volume()
    grid = Grid(
        corner=found.centre - 10 * np.array(right) - 10 * np.array(down),
        right=np.array(right),
        down=np.array(down),
        width=21,
        height=21,
    )
    values, inside = found.values_on(grid)
    points = points_of(grid)
    index = (points - CORNER) / (SPACING[1], SPACING[0], STEP)
    expected = ((index >= -0.5) & (index < np.array((12, 9, 6)) - 0.5)).all(axis=-1)
    assert (inside == expected).mean() > 0.99  # but for rounding at the very edge
    both = inside & expected
    assert both.sum() > 50
    assert values[both] == pytest.approx(by_scipy(points)[both], abs=2)


def test_each_slice_has_its_own_scale() -> None:
    """As those of PET images have; between two, what both measure is interpolated."""
    flat = np.full((2, 2, 2), 10, np.uint16)
    found = volume(flat, RescaleSlope=lambda number: 1 + number, RescaleIntercept=5)
    middle = Grid(corner=found.centre, right=np.zeros(3), down=np.zeros(3), width=1, height=1)
    assert found.values_on(middle)[0][0, 0] == pytest.approx((15 + 25) / 2)
    assert found.extremes() == (15, 25)


def test_slices_may_lie_at_any_distances() -> None:
    heights = [0.0, 1.0, 5.0]
    flat = np.stack([np.full((2, 2), value, np.uint16) for value in (0, 100, 500)])
    found = volume(flat, ImagePositionPatient=lambda number: [0, 0, heights[number]])
    up = Grid(
        corner=found.corner,
        right=np.array((0, 0, 0.5)),
        down=np.array((0, 1.0, 0)),
        width=11,
        height=1,
    )
    assert found.values_on(up)[0][0] == pytest.approx(np.arange(0, 501, 50))


def test_slices_of_a_tilted_gantry_lie_beside_each_other() -> None:
    """Where they are, and not above each other."""
    flat = np.stack([np.full((4, 4), value, np.uint16) for value in (0, 100)])
    found = volume(flat, ImagePositionPatient=lambda number: [0, 3.0 * number, 4.0 * number])
    at = Grid(
        corner=np.array((0.5, 4.0, 2.0)), right=np.zeros(3), down=np.zeros(3), width=1, height=1
    )
    values, inside = found.values_on(at)
    assert inside.all()
    assert values[0, 0] == pytest.approx(50)


def test_what_is_no_volume_is_told() -> None:
    """Each with what to do about it; more than there is room for is told before it is kept."""
    for said, reason in (
        ({"ImagePositionPatient": [0, 0, 0]}, "several frames lie in one place"),
        ({"ImagePositionPatient": lambda number: [number**2, 0, number]}, "in a row"),
        ({"FrameOfReferenceUID": lambda number: f"1.{number + 1}"}, "frames of reference"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "MONOCHROME2"),
        ({"PixelSpacing": [1e-200, 1e-200]}, "size"),
        ({"PixelSpacing": [1e9, 1e9]}, "size"),
        ({"RescaleSlope": "1e39", "RescaleIntercept": 0}, "measured nowhere"),
        ({"RescaleSlope": 1, "RescaleIntercept": "-1e30"}, "measured nowhere"),
        ({"ImageOrientationPatient": [1, 0, 0, 0.6, 0.8, 0]}, "right angles"),
        ({"ImagePositionPatient": lambda number: [0, 0, 1e6 * number]}, "farther apart"),
        ({"PixelSpacing": lambda number: [1, 1 + number]}, "not parallel"),
        (
            {
                "ImageOrientationPatient": lambda number: (
                    [1, 0, 0, 0, 0, 1] if number else [1, 0, 0, 0, 1, 0]
                )
            },
            "not parallel",
        ),
    ):
        with pytest.raises(UnreadableInstance, match=reason):
            volume(**said)
    with pytest.raises(UnreadableInstance, match="no frames"):
        assembled([], 10)
    with pytest.raises(TooLarge, match="600"):
        volume(most=600)
    assert volume(most=DATA.size).shape == DATA.shape


@pytest.mark.parametrize(
    ("orientation", "right", "down"),
    [
        (Orientation.ANTERIOR, (1, 0, 0), (0, 0, -1)),
        (Orientation.POSTERIOR, (-1, 0, 0), (0, 0, -1)),
        (Orientation.RIGHT, (0, -1, 0), (0, 0, -1)),
        (Orientation.LEFT, (0, 1, 0), (0, 0, -1)),
        (Orientation.HEAD, (-1, 0, 0), (0, 1, 0)),
        (Orientation.FEET, (1, 0, 0), (0, 1, 0)),
    ],
)
def test_a_side_is_seen_as_one_who_stands_there_sees_it(
    orientation: Orientation, right: tuple[int, ...], down: tuple[int, ...]
) -> None:
    """In front of the patient, his left is to the right (x), and the head is up (z)."""
    found = camera_at(volume(), orientation)
    assert found.right == pytest.approx(right, abs=1e-12)
    assert found.down == pytest.approx(down, abs=1e-12)
    assert found.forward @ (volume().centre - found.position) > 0


def test_a_swivel_goes_around_what_is_up() -> None:
    found = camera_at(volume(), Orientation.ANTERIOR)
    assert found.turned(90).forward == pytest.approx((-1, 0, 0), abs=1e-12)
    assert found.turned(360).position == pytest.approx(found.position)


def test_views_that_are_none_are_told() -> None:
    with pytest.raises(ValueError, match="where it looks at"):
        camera_towards((1, 2, 3), (1, 2, 3), None)
    with pytest.raises(ValueError, match="direction of view"):
        camera_towards((0, 0, 0), (0, 0, 1), (0, 0, 2))
    assert camera_towards((0, 0, 0), (0, 5, 0), (0, 0, 0)).up == pytest.approx((0, 0, 1))
    assert camera_towards((0, 0, 0), (0, 0, 5), None).up == pytest.approx((0, -1, 0))


_REDUCED = {
    RenderingMethod.MAXIMUM_IP: np.max,
    RenderingMethod.MINIMUM_IP: np.min,
    RenderingMethod.AVERAGE_IP: np.mean,
}


@pytest.mark.parametrize("method", _REDUCED)
@pytest.mark.parametrize("slab", [0.0, 4.0])
def test_a_slab_is_what_scipy_makes_of_it(method: RenderingMethod, slab: float) -> None:
    """Oblique, around what is looked at."""
    found = volume()
    from_side = camera((0.6, 0.7, 0.3), (0, 0, 1), found.centre)
    rays = rays_through(found, from_side, box=(40, 40), slab=slab)
    assert rays.steps == (8 if slab else 1)
    planes = [rays.grid(range(rays.height), step) for step in range(rays.steps)]
    samples = np.stack([by_scipy(points_of(each)) for each in planes])
    inside = np.stack([found.values_on(each)[1] for each in planes]).all(axis=0)
    assert inside.sum() > 50
    expected = FULL.shares(_REDUCED[method](samples, axis=0)) * 255
    greys = rendered_greys(found, rays, method, FULL)
    assert np.abs(greys - expected)[inside].max() < 1


def test_all_of_a_volume_is_seen_along_its_axes() -> None:
    """A ray through every voxel of a line: the maximum of numpy, where it looks along an axis."""
    cubes = DATA[:6, :6, :6]
    found = volume(cubes, PixelSpacing=[STEP, STEP])
    rays = rays_through(found, camera_at(found, Orientation.FEET), box=None, slab=None)
    assert (rays.width, rays.height) == (6, 6)
    greys = rendered_greys(found, rays, RenderingMethod.MAXIMUM_IP, FULL)
    # A step between two slices falls on none of them; so do the samples of the renderer.
    between = (cubes[1:].astype(float) + cubes[:-1]) / 2
    expected = FULL.shares(between.max(axis=0)) * 255
    assert np.abs(greys - expected).max() < 1


def test_a_dense_thing_hides_what_is_behind_it() -> None:
    """And what is not dense is not seen."""
    data = np.zeros((20, 20, 20), np.uint16)
    data[8:12, 2:5, 8:12] = 60000
    data[4:16, 14:17, 4:16] = 20000
    found = volume(data, PixelSpacing=[STEP, STEP])
    front, back = (
        rendered_greys(
            found,
            rays_through(found, camera_at(found, side), box=None, slab=None),
            RenderingMethod.VOLUME_RENDERED,
            FULL,
        )
        for side in (Orientation.ANTERIOR, Orientation.POSTERIOR)
    )
    assert front[10, 10] > 200
    assert front[10, 10] - 20 > back[10, 10] > 100
    assert not front[0].any()
    assert not back[:, 0].any()


def test_a_slab_ends_where_the_volume_does() -> None:
    """However thick it is asked for; and beside the volume it meets nothing."""
    found = volume()
    side = camera_at(found, Orientation.ANTERIOR)
    assert rays_through(found, side, box=(9, 9), slab=1e4).steps < 50
    beside = camera_towards((0, -900, 0), (0, -500, 10), None)
    rays = rays_through(found, beside, box=(9, 9), slab=10)
    assert not rendered_greys(found, rays, RenderingMethod.MAXIMUM_IP, FULL).any()


def test_a_picture_is_as_large_as_it_may_be() -> None:
    """In the shape of the volume; without a size, as small as the samples make it."""
    found = volume()
    side = camera_at(found, Orientation.ANTERIOR)
    assert rays_through(found, side, box=(100, 100), slab=0.0).width <= 100
    free = rays_through(found, side, box=None, slab=None)
    few = rays_through(found, side, box=None, slab=None, most=free.samples / 4)
    assert few.samples <= free.samples / 4
    assert few.width == pytest.approx(free.width / 2, abs=1)


def patient() -> np.ndarray:
    """Air, a body of noise in it, and a tenth of it bone; and one voxel of metal."""
    made = np.random.default_rng(3).integers(-1010, -990, (20, 40, 40))
    made[:, 8:32, 8:32] = np.random.default_rng(4).integers(30, 50, (20, 24, 24))
    made[:, 18:22, 18:24] = 900
    made[10, 12, 12] = 3000
    return made


def test_what_is_usual_leaves_something_to_be_seen_from_every_side() -> None:
    """Soft tissue is grey and bone is bright, where the window of a slice makes both white."""
    made = volume(
        (patient() + 1024).astype(np.uint16), 50_000, RescaleSlope=1, RescaleIntercept=-1024
    )
    for method in (RenderingMethod.MAXIMUM_IP, RenderingMethod.VOLUME_RENDERED):
        span = usual_span(made, method)
        assert span.low == pytest.approx(patient().mean())
        assert 890 <= span.high <= 910  # the metal takes no grey away
    span = usual_span(made, RenderingMethod.MAXIMUM_IP)
    for side in Orientation:
        rays = rays_through(made, camera_at(made, side), box=None, slab=None)
        greys = rendered_greys(made, rays, RenderingMethod.MAXIMUM_IP, span)
        assert (greys > 250).mean() < 0.5, side
        assert ((greys > 60) & (greys < 200)).mean() > 0.1, side


@pytest.mark.parametrize(
    ("method", "reduced"),
    [(RenderingMethod.MINIMUM_IP, np.min), (RenderingMethod.AVERAGE_IP, np.mean)],
)
def test_what_is_usual_spans_the_projection(method: RenderingMethod, reduced: Any) -> None:
    """Each slice by its own scale."""
    made = volume(
        DATA, RescaleSlope=lambda number: 1 + number / 4, RescaleIntercept=lambda number: -number
    )
    measured = DATA * (1 + np.arange(6)[:, None, None] / 4) - np.arange(6)[:, None, None]
    span = usual_span(made, method)
    ends = np.percentile(reduced(measured, axis=0), (0.5, 99.5))
    assert (span.low, span.high) == pytest.approx(tuple(ends), rel=1e-4)


def test_a_speck_is_spanned_by_all_values() -> None:
    """So small a share of the volume is bright that no percentile has it."""
    data = np.zeros((4, 30, 30), np.uint16)
    data[2, 3, 3] = 500
    span = usual_span(volume(data), RenderingMethod.MAXIMUM_IP)
    assert (span.low, span.high) == (0, 500)


def test_a_large_volume_is_looked_at_here_and_there() -> None:
    """What is usual is the same, whether every voxel is looked at or a part of them."""
    small = usual_span(volume(DATA), RenderingMethod.AVERAGE_IP)
    large = volume(DATA.repeat(60, axis=1).repeat(60, axis=2), 20_000_000)
    found = usual_span(large, RenderingMethod.AVERAGE_IP)
    assert abs(found.low - small.low) < 3000
    assert abs(found.high - small.high) < 3000
