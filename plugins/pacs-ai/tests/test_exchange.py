"""What comes back from a model's process: read as it was yielded, else refused with a reason."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs_ai.api import (
    Code,
    Finding,
    KeyImages,
    Mark,
    Measurement,
    Measurements,
    Nothing,
    ParametricMap,
    Picture,
    Presentation,
    Segment,
    Segmentation,
)
from pacs_ai.exchange import BadResults, read_results, write_results

SHAPE = (2, 3, 4)
CODE = Code(value="1", scheme="99T", meaning="Thing")
LINE = ((0, 0), (2, 3))


def yielded() -> list[Any]:
    """One of each kind, with numbers of NumPy as a model has them."""
    number = Measurement(name=CODE, value=np.float32(1.5), unit=CODE, derivation=CODE)  # type: ignore[arg-type]
    finding = Finding(
        label="f",
        kind=CODE,
        measurements=(number,),
        evaluations=((CODE, CODE),),
        site=CODE,
        segment="a",
    )
    mask = np.zeros(SHAPE, bool)
    mask[0, 1] = True
    values = np.arange(24, dtype=np.float32).reshape(SHAPE)
    mark = Mark(slice=np.int64(1), points=LINE, label="l")  # type: ignore[arg-type]
    return [
        Segmentation(
            segments=(Segment(label="a", mask=mask, category=CODE, kind=CODE),), labelmap=True
        ),
        Measurements(findings=(finding,)),
        ParametricMap(
            values=values, quantity=CODE, unit=CODE, window=(0, 9), site=CODE, laterality="L"
        ),
        Presentation(marks=(mark,), window=(-1.5, 2)),
        KeyImages(slices=(1, 0), reason="r"),
        Picture(pixels=np.zeros((2, 2, 3), np.uint8)),
    ]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if is_dataclass(one):
        names = [each.name for each in fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_every_result_comes_back_as_it_was_yielded(tmp_path: Path) -> None:
    write_results(tmp_path, yielded())
    read = read_results(tmp_path, SHAPE)
    assert [type(each) for each in read] == [type(each) for each in yielded()]
    assert all(map(same, read, yielded()))


@pytest.mark.parametrize(
    ("number", "keys", "value", "reason"),
    [
        (0, ("segments", 0, "mask"), "../x.npy", "is no file beside its results"),
        (0, ("segments", 0, "mask"), "empty.npy", "its results cannot be read"),
        (1, ("findings", 0, "segment"), "b", "is about segment 'b', of which there are 0"),
        (2, ("laterality",), "X", "the laterality of a map is R, L, B or U, not 'X'"),
        (2, ("values",), "0-0.npy", "32-bit floats"),
        (2, ("window",), [3, 3], "the window of a map is from low to high"),
        (3, ("marks", 0, "slice"), 2, "there is no slice 2: the volume has 2"),
        (3, ("marks", 0, "slice"), float("inf"), "its results cannot be read"),
        (3, ("marks", 0, "shape"), "SPIRAL", "the shape of a mark is one of POINT, CIRCLE"),
        (3, ("marks", 0, "points"), [[0, 0]], "a POLYLINE has 2 to 100000 points, and not 1"),
        (3, ("marks", 0, "points"), [[0, 0], [0, 1e400]], "a point of a mark is a row and a"),
        (3, ("marks", 0, "points"), [[0, 0], [10**400, 0]], "its results cannot be read"),
        (3, ("marks", 0, "points"), [[0, 0], [2.6, 0]], "a mark at 2.6, 0 is beyond 3 × 4"),
        (3, ("marks", 0, "filled"), True, "a mark that is filled ends where it begins"),
        (3, ("marks",), [], None),
        (4, ("slices",), [0, 0], "key images are different slices from 0 on"),
        (4, ("slices",), [], "key images are different slices from 0 on"),
        (4, ("title", "value"), "x" * 17, "is too long: 16, 16 and 64 characters"),
        (5, ("is",), "song", "its results cannot be read: 'song'"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, number: int, keys: tuple[Any, ...], value: Any, reason: str | None
) -> None:
    write_results(tmp_path, yielded())
    (tmp_path / "empty.npy").touch()
    file = tmp_path / "results.json"
    rows = json.loads(file.read_text())
    place = rows[number]
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    file.write_text(json.dumps(rows))
    if reason is None:
        read_results(tmp_path, SHAPE)
        return
    with pytest.raises(BadResults) as refused:
        read_results(tmp_path, SHAPE)
    assert reason in str(refused.value)


def test_nothing_comes_back_with_its_reason(tmp_path: Path) -> None:
    """Alone; as a model of studies says it of one series, it is said of the run."""
    write_results(tmp_path, [Nothing(reason="no nodule")])
    assert read_results(tmp_path, SHAPE) == Nothing(reason="no nodule")


@pytest.mark.parametrize("both", ["before", "after", "twice"])
def test_nothing_beside_results_is_refused(tmp_path: Path, both: str) -> None:
    """Whichever of them is right, a model that says both is not to be trusted with either."""
    nothing: Any = Nothing(reason="no nodule")
    key: Any = KeyImages(slices=(1,))
    rows = {"before": [nothing, key], "after": [key, nothing], "twice": [nothing, nothing]}
    write_results(tmp_path, rows[both])
    with pytest.raises(BadResults, match="says that it found nothing, and yields 1 more results"):
        read_results(tmp_path, SHAPE)


@pytest.mark.parametrize("reason", ["", " \n", "x" * 1025])
def test_nothing_has_a_reason_that_can_be_read(tmp_path: Path, reason: str) -> None:
    """Told to the model that says it, and to a file that was written past it."""
    with pytest.raises(ValueError, match="the reason for nothing has 1 to 1024 characters, not"):
        Nothing(reason=reason)
    (tmp_path / "results.json").write_text(json.dumps([{"is": "nothing", "reason": reason}]))
    with pytest.raises(BadResults, match="the reason for nothing has 1 to 1024 characters"):
        read_results(tmp_path, SHAPE)


def test_an_empty_list_is_refused_with_what_to_say(tmp_path: Path) -> None:
    """It may be a mistake, and what it says of a patient would be the same."""
    write_results(tmp_path, [])
    with pytest.raises(BadResults, match=r"no results; a model .* says so by Nothing\(reason=…\)"):
        read_results(tmp_path, SHAPE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), number=st.integers(0, 5), value=JSON)
def test_whatever_stands_in_a_row_is_read_or_refused(
    tmp_path: Path, data: st.DataObject, number: int, value: Any
) -> None:
    """Any value in any place: nothing else is raised."""
    write_results(tmp_path, yielded())
    file = tmp_path / "results.json"
    rows = json.loads(file.read_text())
    place: Any = rows[number]
    while True:
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else [0]))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = value
    file.write_text(json.dumps(rows))
    with suppress(BadResults):
        read_results(tmp_path, SHAPE)
