"""Segmentation by a MONAI Label server: a volume goes as NIfTI, labels come back as NIfTI."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from pacs_ai.api import Model, Nothing, Progress, Result, Volume, Wants
from pacs_ai.models.networks import NetworkClass, segmented
from pacs_ai.models.of_server import HEADERS

if TYPE_CHECKING:
    import httpx

__all__ = ["MonaiLabelModel"]

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_GZIP = b"\x1f\x8b"
_ASKED = {"result_extension": ".nii.gz"}
_MOST_HEADER = 1 << 20
_MOST_FACTS = 4 << 20
_MOST_BYTES_OF_A_VOXEL = 8
_SAME_MM = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class MonaiLabelModel(Model):
    """The model at ``url`` (``http://host:8000/infer/NAME``), which labels voxels by the number of
    one of ``classes``, in the grid of the image that it was sent.

    Voxels go as they are: Hounsfield units for CT. The variable `HEADERS` is as for `ServedModel`.
    """

    name: str
    version: str
    classes: tuple[NetworkClass, ...]
    url: str
    seconds: float
    wants: Wants
    manufacturer: str = ""

    def prepare(self) -> None:
        """Import what takes time."""
        import nibabel  # noqa: F401, PLC0415 - an extra, and only in the process of the model

        import pacs_ai.models.asking  # noqa: F401, PLC0415 - see above

    def run(self, volume: Volume, progress: Progress) -> Sequence[Result] | Nothing:
        """As `segmented`. Raises ValueError for an answer that does not fit the volume."""
        from pacs_ai.models.asking import client_of  # noqa: PLC0415 - see `prepare`

        with client_of(self.seconds, json.loads(os.environ.get(HEADERS, "{}"))) as client:
            self._look(client)
            answer = self._answer(client, volume)
        progress(0.9)
        return segmented(_labels(answer, volume, len(self.classes)), self.classes)

    def _look(self, client: httpx.Client) -> None:
        """See that the server has the model: asked for another one, it says no more than 500."""
        from pacs_ai.models.asking import answer_of  # noqa: PLC0415 - see `prepare`

        server, _, name = self.url.rpartition("/infer/")
        _, body = answer_of(client, "GET", f"{server}/info/", most=_MOST_FACTS)
        try:
            facts = json.loads(body)
            models = sorted(facts["models"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{server}/info/ answers as no MONAI Label server does") from error
        if unquote(name) not in models:
            there = ", ".join(models) or "none"
            raise ValueError(f"the server has no model {unquote(name)!r}; it has {there}")
        print(facts.get("name"), facts.get("version"))  # noqa: T201 - into the log of the run

    def _answer(self, client: httpx.Client, volume: Volume) -> bytes:
        """The file of labels, not compressed."""
        from pacs_ai.models.asking import answer_of  # noqa: PLC0415 - see `prepare`

        most = _MOST_HEADER + _MOST_BYTES_OF_A_VOXEL * volume.voxels.size
        _, body = answer_of(
            client,
            "POST",
            self.url,
            most=most,
            params={"output": "image"},
            data={"params": json.dumps(_ASKED)},
            files={"file": ("image.nii", _nifti(volume), "application/octet-stream")},
        )
        return _inflated(body, most) if body.startswith(_GZIP) else body


def _nifti(volume: Volume) -> bytes:
    import nibabel  # noqa: PLC0415 - see `MonaiLabelModel.prepare`

    image = nibabel.Nifti1Image(volume.voxels.T, _affine(volume))  # type: ignore[no-untyped-call]
    data: bytes = image.to_bytes()
    return data


def _affine(volume: Volume) -> NDArray[np.float64]:
    """From (column, row, slice, 1) to right, anterior, superior, as NIfTI has them."""
    made: NDArray[np.float64] = _LPS_TO_RAS @ volume.affine[:, [2, 1, 0, 3]]
    return made


def _inflated(body: bytes, most: int) -> bytes:
    """Raises ValueError for what is cut off, or becomes more than ``most`` bytes."""
    machine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        data = machine.decompress(body, most)
    except zlib.error as error:
        raise ValueError(f"the server answers with a file that cannot be read: {error}") from error
    if not machine.eof:
        raise ValueError(
            f"the server answers with a file that is cut off, or has over {most} bytes"
        )
    return data


def _labels(data: bytes, volume: Volume, classes: int) -> NDArray[Any]:
    """The number of a class for each voxel of ``volume``."""
    import nibabel  # noqa: PLC0415 - see `MonaiLabelModel.prepare`

    try:
        image = nibabel.Nifti1Image.from_bytes(data)
        found = np.asanyarray(image.dataobj)
    except Exception as error:  # of any kind, as nibabel meets what is malformed
        raise ValueError(f"the server answers with what is no NIfTI file: {error}") from error
    columns, rows, slices = volume.voxels.T.shape
    if found.shape not in ((columns, rows, slices), (columns, rows, slices, 1)):
        raise ValueError(
            f"the labels have the geometry {found.shape}, and the volume {volume.shape}"
        )
    corners = np.array([[0, 0, 0, 1], [columns - 1, rows - 1, slices - 1, 1]]).T
    if np.abs((image.affine - _affine(volume)) @ corners).max() > _SAME_MM:
        raise ValueError("the labels lie elsewhere than the volume")
    numbers = found.reshape(columns, rows, slices).T
    if not np.isin(numbers, np.arange(classes)).all():
        raise ValueError(f"there are labels beside 0 to {classes - 1}, which the classes name")
    return numbers
