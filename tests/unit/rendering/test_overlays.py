"""Overlay planes in elements of their own and in the pixel cells (PS3.3 C.9.2, C.9.3)."""

from __future__ import annotations

import numpy as np
import pytest
from rendered import drawn, image, pixels

from pacs_framework.errors import UnreadableInstance

GROUND = np.full((4, 6), 10, np.uint8)
GROUND[0, 0] = 90  # so that the span is not empty


def overlay(ds, planes, *, group=0x6000, origin=(1, 1), **elements) -> None:
    planes = np.asarray(planes, np.uint8)
    ds.add_new(group << 16 | 0x10, "US", planes.shape[-2])
    ds.add_new(group << 16 | 0x11, "US", planes.shape[-1])
    ds.add_new(group << 16 | 0x50, "SS", list(origin))
    ds.add_new(group << 16 | 0x100, "US", 1)
    ds.add_new(group << 16 | 0x102, "US", 0)
    data = np.packbits(planes.ravel(), bitorder="little").tobytes()
    ds.add_new(group << 16 | 0x3000, "OW", data + b"\0" * (len(data) % 2))
    if "frames" in elements:
        ds.add_new(group << 16 | 0x15, "IS", elements["frames"])
    if "first" in elements:
        ds.add_new(group << 16 | 0x51, "US", elements["first"])


def white(ds, number: int = 1, **view) -> np.ndarray:
    """Where the picture with overlays is another than that without."""
    with_them, without = pixels(ds, number, **view), pixels(ds, number, overlays=False)
    changed = with_them != without
    assert (with_them[changed] == 255).all()
    return changed.any(axis=2) if changed.ndim == 3 else changed


@pytest.mark.parametrize("origin", [(1, 1), (2, 3), (0, -1), (4, 6), (5, 1), (-9, 1)])
def test_a_plane_begins_at_its_origin_and_is_cut_at_the_edges(origin) -> None:
    plane = np.array([[1, 0, 1], [1, 1, 1]], np.uint8)
    ds = image(GROUND)
    overlay(ds, plane, origin=origin)
    expected = np.zeros((30, 30), bool)
    row, column = origin[0] - 1 + 12, origin[1] - 1 + 12
    expected[row : row + 2, column : column + 3] = plane
    expected[12, 12] = False  # it is white without an overlay
    assert np.array_equal(white(ds), expected[12:16, 12:18])


def test_all_groups_are_drawn_over_greys_and_colours_and_left_out_on_demand() -> None:
    for ground in (GROUND, np.zeros((4, 6, 3), np.uint8)):
        ds = image(ground)
        overlay(ds, [[1]], group=0x6000, origin=(2, 2))
        overlay(ds, [[1]], group=0x601E, origin=(4, 6))
        before = bytes(ds.PixelData)
        assert np.argwhere(white(ds)).tolist() == [[1, 1], [3, 5]]
        assert bytes(ds.PixelData) == before


def test_planes_of_frames_follow_each_other_bit_by_bit() -> None:
    """15 bits each, without padding; from Image Frame Origin on (C.9.3.1)."""
    frames = np.stack([GROUND] * 4)
    planes = np.zeros((2, 3, 5), np.uint8)
    planes[0, 0, 1], planes[1, 2, 4] = 1, 1
    ds = image(frames, frames=4)
    overlay(ds, planes, frames=2, first=2)
    marks = [np.argwhere(white(ds, number)).tolist() for number in range(1, 5)]
    assert marks == [[], [[0, 1]], [[2, 4]], []]
    del ds[0x60000051]
    assert [white(ds, number).sum() for number in range(1, 5)] == [1, 1, 0, 0]


def test_one_plane_is_for_all_frames_unless_it_says_for_which() -> None:
    ds = image(np.stack([GROUND] * 3), frames=3)
    overlay(ds, [[0, 1]])
    assert [white(ds, number).sum() for number in (1, 2, 3)] == [1, 1, 1]
    overlay(ds, [[0, 1]], frames=1, first=3)
    assert [white(ds, number).sum() for number in (1, 2, 3)] == [0, 0, 1]


@pytest.mark.parametrize("position", [12, 15])
def test_a_plane_in_an_unused_bit_of_the_cells_is_drawn(position) -> None:
    """And its bit is not part of the value (retired)."""
    cells = np.full((3, 4), 100, np.uint16)
    cells[0, 0] = 4000
    cells[1, 2] |= 1 << position
    ds = image(cells, BitsStored=12, HighBit=11)
    ds.add_new(0x60000010, "US", 3)
    ds.add_new(0x60000011, "US", 4)
    ds.add_new(0x60000100, "US", 16)
    ds.add_new(0x60000102, "US", position)
    assert np.argwhere(white(ds)).tolist() == [[1, 2]]
    assert drawn(ds).voi == "span 100 to 4000"
    ds.add_new(0x60000102, "US", 5)  # a bit of the value is no overlay
    assert not white(ds).any()


def test_a_plane_with_fewer_bits_than_pixels_is_told() -> None:
    ds = image(GROUND)
    overlay(ds, np.ones((4, 6)))
    ds[0x60003000].value = b"\1\0"
    with pytest.raises(UnreadableInstance, match="overlay 6000 has fewer bits than rows × columns"):
        drawn(ds)
