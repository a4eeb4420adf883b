"""Faces that can be made of cross-sectional images (PS3.15 E.3.2), and who takes them out.

Nothing here defaces. A defacer is a Python package of its own, found through the entry-point group
``pacs_anonymize.defacers``; without one, images that may hold a head are refused.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import entry_points
from typing import Protocol

from pydicom import Dataset

from pacs_framework.anonymizers.pixel_work import PixelWork
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.errors import ConfigurationError, NotAnonymized

__all__ = ["GROUP", "Defacer", "defacer_named", "may_show_a_face"]

GROUP = "pacs_anonymize.defacers"

# Surfaces can be made of volumes; everything else shows a face where it is a picture of one.
_VOLUMES = frozenset(("CT", "MR", "PT", "NM", "XA"))
_PHOTOGRAPHS = frozenset(("XC", "ES", "GM", "DMS", "OSS", "VIDD"))
# Defined terms of Body Part Examined (PS3.16 Annex L) that no part of a head belongs to. Whatever
# is not listed, or not said, may be one.
_BELOW_THE_NECK = frozenset(
    (
        *("ABDOMEN", "ABDOMENPELVIS", "ANKLE", "AORTA", "ARM", "AXILLA", "BLADDER", "BREAST"),
        *("CALCANEUS", "CHEST", "CHESTABDOMEN", "CHESTABDPELVIS", "CLAVICLE", "COCCYX", "COLON"),
        *("ELBOW", "EXTREMITY", "FEMUR", "FINGER", "FOOT", "FOREARM", "GALLBLADDER", "HAND"),
        *("HEART", "HIP", "HUMERUS", "KIDNEY", "KNEE", "LEG", "LIVER", "LSPINE", "LSSPINE"),
        *("LUNG", "PANCREAS", "PELVIS", "PROSTATE", "RIB", "SCAPULA", "SHOULDER", "SIJOINT"),
        *("SPLEEN", "SSPINE", "STERNUM", "THIGH", "THUMB", "TIBIA", "TLSPINE", "TOE", "TSPINE"),
        *("UTERUS", "WRIST"),
    )
)


class Defacer(Protocol):
    """Takes recognizable features out of images. It can be pickled, and so can its work."""

    def work(self, dataset: Dataset) -> PixelWork:
        """What is to be done to an image, by its header; raises `NotAnonymized` if it cannot be."""
        ...


def may_show_a_face(dataset: Dataset) -> bool:
    """Whether somebody may be recognized in an image, as far as its header tells."""
    try:
        modality = str(dataset.get("Modality") or "")
        if modality in _PHOTOGRAPHS:
            return True
        if modality not in _VOLUMES:
            return False
        part = str(dataset.get("BodyPartExamined") or "")
    except PYDICOM_FAILURES as error:
        raise NotAnonymized(
            f"it cannot be read what part of a body is shown: {type(error).__name__}"
        ) from None
    return part.replace(" ", "").upper() not in _BELOW_THE_NECK


@lru_cache(maxsize=8)
def defacer_named(name: str) -> Defacer:
    """The defacer of an installed package. Raises `ConfigurationError` with those there are."""
    found = {each.name: each for each in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or f"none: no installed package has an entry in {GROUP}"
        raise ConfigurationError(f"no defacer is called {name!r} (there are: {known})")
    try:
        defacer: Defacer = found[name].load()()
    except Exception as error:
        raise ConfigurationError(
            f"the defacer {name!r} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    return defacer
