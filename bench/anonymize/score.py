"""What comes out, judged: identifiers that are left, values that were lost, instances a second."""

from __future__ import annotations

import io
import multiprocessing
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import pydicom
from pydicom import Dataset
from pydicom.datadict import keyword_for_tag

from bench.anonymize.given import Given, kept_tags
from bench.anonymize.subjects import SUBJECTS

__all__ = ["Score", "score"]

_IDENTIFYING = (
    *("PatientName", "PatientID", "OtherPatientIDs", "PatientBirthDate", "PatientAddress"),
    *("ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName", "InstitutionName"),
    *("StationName", "DeviceSerialNumber", "AccessionNumber", "StudyID", "StudyDate"),
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
)
_LONG_ENOUGH = 6


@dataclass(slots=True)
class Score:
    """Of one subject over all files.

    Rates are instances a second, read from memory and written to it, each the best of some rounds,
    since whatever else runs only slows: ``one_core`` of CPU time, ``two_cores`` of the clock.
    """

    name: str
    version: str
    settings: str
    planted: int = 0
    planted_left: int = 0
    real_values: int = 0
    real_left: int = 0
    kept_values: int = 0
    lost: int = 0
    failed: int = 0
    one_core: float = 0.0
    two_cores: float = 0.0
    most_left: list[str] = field(default_factory=list)
    most_lost: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)


def score(name: str, planted: Sequence[Given], real: Sequence[Given], rounds: int) -> Score:
    """Judge and time one subject."""
    subject = SUBJECTS[name]
    work = subject.start()
    result = Score(name, subject.version, subject.settings)
    usable = []
    for given in (*planted, *real):
        try:
            answer = work(given.data)
        except Exception as error:  # noqa: BLE001 - whatever it is, there is no answer
            result.failed += 1
            result.most_left.append(f"{given.name}: {type(error).__name__}")
            continue
        usable.append(given.data)
        _judge(result, given, answer)
    result.one_core = max(_rate(name, usable, time.process_time) for _ in range(rounds))
    result.two_cores = max(_rates_on_two(name, usable, rounds))
    return result


def _judge(result: Score, given: Given, answer: bytes) -> None:
    folded = answer.lower()
    left = [each.where for each in given.planted if each.needle in folded]
    result.planted += len(given.planted)
    result.planted_left += len(left)
    result.most_left += [where for where in left if where not in result.most_left][:20]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = pydicom.dcmread(io.BytesIO(given.data))
        after = pydicom.dcmread(io.BytesIO(answer))
        if not given.planted:
            _judge_real(result, before, folded)
        typed_in = {each.where for each in given.planted}
        _judge_kept(result, before, after, typed_in)


def _judge_real(result: Score, before: Dataset, folded: bytes) -> None:
    """Values of a real file that identify and are long enough to be told from others.

    A maker who demonstrates at his own place stands there as the maker, too, and may.
    """
    maker = str(before.get("Manufacturer") or "").lower()
    for keyword in _IDENTIFYING:
        value = str(before.get(keyword) or "")
        if len(value) >= _LONG_ENOUGH and value.lower() not in maker:
            result.real_values += 1
            if value.lower().encode("latin-1", "replace") in folded:
                result.real_left += 1


def _judge_kept(result: Score, before: Dataset, after: Dataset, typed_in: set[str]) -> None:
    """Values that are others now, but for those that somebody's name had been typed into."""
    for tag in kept_tags(before):
        keyword = keyword_for_tag(tag)
        if keyword in typed_in:
            continue
        result.kept_values += 1
        if str(before.get(tag)) != str(after.get(tag)):
            result.lost += 1
            if keyword not in result.most_lost:
                result.most_lost.append(keyword)


def _rate(name: str, data: Sequence[bytes], clock: Callable[[], float]) -> float:
    """Instances a second in this process."""
    work = SUBJECTS[name].start()
    start = clock()
    for each in data:
        work(each)
    return len(data) / (clock() - start)


def _rates_on_two(name: str, data: Sequence[bytes], rounds: int) -> list[float]:
    """Two processes side by side, each with all of the files; both are warm before it counts."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        rates = []
        for _ in range(rounds + 1):
            waiting = [pool.submit(_rate, name, data, time.perf_counter) for _ in range(2)]
            rates.append(sum(each.result() for each in waiting))
    return rates[1:]
