"""What the archive adds to an inference: a process, the results as instances, their storing.

A model that does next to nothing runs on a CT series. From the wall time of a run that of loading
the series by itself, right before it, is taken off: both are the same work, decoding included.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from pydicom import Dataset
from pydicom.uid import generate_uid

from bench.results import OURS, Column, Result
from pacs_ai import plugin
from pacs_ai.book import Book, State
from pacs_ai.catalogue import models_of
from pacs_ai.inference import Inference
from pacs_ai.keeping import new_workers
from pacs_ai.settings import AiSettings
from pacs_ai.terms import NAME
from pacs_ai.volumes.loading import StoredSeries
from pacs_framework.archive.archive import Archive
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.running import running_archive

__all__ = ["AI_ROW", "measure_ai"]

AI_ROW = "ai-overhead"

_SLICES, _SIDE = 28, 512
_REPEATS = 7
_MODELS = Path(__file__).parent.parent / "models"
_KEPT = {OURS: 1, "new process": 0}


def measure_ai(slices: int = _SLICES, repeats: int = _REPEATS) -> Result:
    """The row: milliseconds, with processes that are kept and with a new one for each run."""
    columns = {name: Column() for name in _KEPT}
    own = {
        "models": [{"name": "still", "version": "1", "load": "still:Still", "folder": str(_MODELS)}]
    }
    with (
        TemporaryDirectory(prefix="pacs-bench-") as folder,
        running_archive(Path(folder), {NAME: plugin}, settings={"plugin": {NAME: own}}) as node,
    ):
        series = _series(slices)
        node.take_in(*series)
        _fill(columns, node.archive, own, series[0], repeats)
    return Result(
        name=AI_ROW,
        title=f"an inference on {slices} CT images, beyond loading and the model",
        unit="ms",
        higher_is_better=False,
        table="ai",
        columns=columns,
    )


def _fill(
    columns: Mapping[str, Column],
    archive: Archive,
    own: Mapping[str, object],
    image: Dataset,
    repeats: int,
) -> None:
    """Samples in turns; a run of each comes first, which is not counted."""
    kept = {name: AiSettings.model_validate({**own, "workers": n}) for name, n in _KEPT.items()}
    workers = {name: new_workers(archive, settings) for name, settings in kept.items()}
    with closing(workers[OURS]):
        for number in range(repeats + 1):
            for name, settings in kept.items():
                inference = Inference(
                    archive=archive,
                    book=Book(archive.tables(NAME)),
                    keep_refused=0,
                    workers=workers[name],
                )
                seconds = _overhead(inference, settings, image)
                if number:
                    columns[name].samples.append(seconds * 1000)


def _overhead(inference: Inference, settings: AiSettings, image: Dataset) -> float:
    """Seconds of a run, less those of loading its series."""
    model = next(each for each in models_of(inference.archive, settings) if each.name == "still")
    study, series = str(image.StudyInstanceUID), str(image.SeriesInstanceUID)
    begun = time.perf_counter()
    with TemporaryDirectory(dir=inference.archive.data) as folder:
        StoredSeries(inference.archive, series).load(model.wants, folder=Path(folder))
    loaded = time.perf_counter()
    record = inference.run(model, study, series)
    ended = time.perf_counter()
    if record.state is not State.DONE:
        raise RuntimeError(f"the model of the bench is {record.state}: {record.reason}")
    return (ended - loaded) - (loaded - begun)


def _series(slices: int) -> Sequence[Dataset]:
    """CT images one above the other, without anything in them."""
    same = {
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "FrameOfReferenceUID": generate_uid(),
        "PositionReferenceIndicator": "",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [0.7, 0.7],
        "SliceThickness": 5,
        "Rows": _SIDE,
        "Columns": _SIDE,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
        "RescaleType": "HU",
        "PixelData": bytes(2 * _SIDE * _SIDE),
    }
    return [
        make_instance(
            **same, InstanceNumber=number + 1, ImagePositionPatient=[-180, -180, 5 * number]
        )
        for number in range(slices)
    ]
