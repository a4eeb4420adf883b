"""Those who are compared: each takes the bytes of a file and gives those of a de-identified one.

Every subject has its best settings for the purpose: private elements removed where it can do so,
the same pseudonyms for the same values where it has a seed.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import pydicom

from pacs_framework.anonymizers.applying import anonymous_instance
from pacs_framework.dicom.part10 import make_prefix, read_prefix

__all__ = ["OURS", "SUBJECTS", "Subject"]

OURS = "pacs-anonymize"
_KEY = b"a key for the bench"
_QUIET = -5  # of deid's own logger

Work = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Subject:
    """One of them: its module and distribution, how it works, and with which settings."""

    module: str
    distribution: str
    start: Callable[[], Work]
    settings: str

    @property
    def missing(self) -> str:
        """Why it cannot take part; empty where it can."""
        try:
            import_module(self.module)
        except ImportError as error:
            needed = error.name or self.module
            return f"{needed} is not installed (pip install {self.distribution})"
        return ""

    @property
    def version(self) -> str:
        """Of its distribution."""
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return "not installed"


def _ours() -> Work:
    from pacs_anonymize.engine.anonymizer import ProfileAnonymizer  # noqa: PLC0415
    from pacs_anonymize.engine.profile import Profile  # noqa: PLC0415

    anonymizer = ProfileAnonymizer(Profile("basic"), _KEY)

    def work(data: bytes) -> bytes:
        source = io.BytesIO(data)
        prefix = read_prefix(source)
        source.seek(prefix.dataset_offset)
        made = anonymous_instance(anonymizer, source, prefix.meta.transfer_syntax_uid)
        return make_prefix(made.meta) + b"".join(made.dataset)

    return work


def _with_pydicom(change: Callable[[pydicom.Dataset], object]) -> Work:
    """Read, change, write, as the programs of all three do it."""
    warnings.simplefilter("ignore")

    def work(data: bytes) -> bytes:
        dataset = pydicom.dcmread(io.BytesIO(data))
        changed = change(dataset)
        target = io.BytesIO()
        result = changed if isinstance(changed, pydicom.Dataset) else dataset
        result.save_as(target)
        return target.getvalue()

    return work


def _dicognito() -> Work:
    from dicognito.anonymizer import Anonymizer  # noqa: PLC0415

    anonymizer = Anonymizer(seed="bench")
    return _with_pydicom(anonymizer.anonymize)


def _deid() -> Work:
    from deid.config import DeidRecipe  # noqa: PLC0415
    from deid.dicom.parser import DicomParser  # noqa: PLC0415
    from deid.logger import bot  # noqa: PLC0415

    bot.level = _QUIET
    recipe = DeidRecipe()

    def change(dataset: pydicom.Dataset) -> pydicom.Dataset:
        parser = DicomParser(dataset, recipe=recipe)
        parser.parse(remove_private=True)
        return parser.dicom

    return _with_pydicom(change)


def _dicom_anonymizer() -> Work:
    from dicomanonymizer.simpledicomanonymizer import anonymize_dataset  # noqa: PLC0415

    return _with_pydicom(anonymize_dataset)


SUBJECTS: Mapping[str, Subject] = {
    OURS: Subject("pacs_anonymize", "pacs-anonymize", lru_cache(_ours), "Basic Profile"),
    "dicognito": Subject("dicognito", "dicognito", lru_cache(_dicognito), "a seed"),
    "deid": Subject("deid", "deid", lru_cache(_deid), "its own recipe, private tags removed"),
    "dicom-anonymizer": Subject(
        "dicomanonymizer",
        "dicom-anonymizer",
        lru_cache(_dicom_anonymizer),
        "its newest table, private tags removed",
    ),
}
