"""Two measurement reports (PS3.16 TID 1500) held against each other, finding by finding."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import highdicom as hd
import pydicom
from pydicom import Dataset

from pacs_ai.comparing.reading import NotComparable

__all__ = ["Judgements", "Numbers", "differences"]

_Key = tuple[str, str]
"""Finding, and what is said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """One measurement in both; None where one of them has none. ``unit`` is of UCUM."""

    finding: str
    name: str
    unit: str
    first: float | None
    second: float | None

    @property
    def difference(self) -> float | None:
        """By how much the second is larger."""
        if self.first is None or self.second is None:
            return None
        return round(self.second - self.first, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgements:
    """One qualitative evaluation in both, such as a class or a grade; empty where there is none."""

    finding: str
    name: str
    first: str
    second: str

    @property
    def same(self) -> bool:
        """Whether both say the same."""
        return self.first == self.second


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    numbers: dict[_Key, tuple[float, str]]
    words: dict[_Key, str]


def differences(first: Dataset, second: Dataset) -> list[Numbers | Judgements]:
    """All that either of two reports says. Findings are matched by their tracking identifier, what
    is said of them by concept and derivation.

    Raises `NotComparable` for what is no such report, and for numbers of different units.
    """
    one, other = _read(first), _read(second)
    found: list[Numbers | Judgements] = []
    for key in sorted({*one.numbers, *other.numbers}):
        values = [each.numbers.get(key) for each in (one, other)]
        units = {value[1] for value in values if value is not None}
        if len(units) > 1:
            raise NotComparable(f"{key[1]!r} of {key[0]!r} is in {' and in '.join(sorted(units))}")
        before, after = (None if value is None else value[0] for value in values)
        found.append(
            Numbers(finding=key[0], name=key[1], unit=units.pop(), first=before, second=after)
        )
    found += [
        Judgements(
            finding=key[0],
            name=key[1],
            first=one.words.get(key, ""),
            second=other.words.get(key, ""),
        )
        for key in sorted({*one.words, *other.words})
    ]
    return found


def _read(made: Dataset) -> _Report:
    report = _Report(numbers={}, words={})
    try:
        for group in _groups(made):
            finding = str(group.tracking_identifier or group.finding_type.meaning)
            for each in group.get_measurements():
                name = each.name.meaning
                if each.derivation is not None:
                    name = f"{name}, {each.derivation.meaning}"
                value = float(each.value), str(each.unit.value)
                report.numbers.setdefault(_free((finding, name), report.numbers), value)
            for each in group.get_qualitative_evaluations():
                key = _free((finding, each.name.meaning), report.words)
                report.words[key] = str(each.value.meaning)
    except NotComparable:
        raise
    except Exception as error:  # of any kind, as highdicom meets what is malformed
        raise NotComparable(f"a report cannot be read: {error}") from error
    return report


def _groups(made: Dataset) -> Iterator[Any]:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what breaks rules of values is read all the same
        pydicom.dcmwrite(file, made, enforce_file_format=True)
        file.seek(0)
        content = hd.sr.srread(file).content
    if not isinstance(content, hd.sr.MeasurementReport):
        raise NotComparable("what is compared are measurement reports (TID 1500)")
    yield from content.get_volumetric_roi_measurement_groups()
    yield from content.get_planar_roi_measurement_groups()
    yield from content.get_image_measurement_groups()


def _free(key: _Key, taken: dict[_Key, Any]) -> _Key:
    """A key of its own for what is said twice: the second one, the third one."""
    number, free = 1, key
    while free in taken:
        number += 1
        free = key[0], f"{key[1]} ({number})"
    return free
