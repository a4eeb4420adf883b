"""Where in an ultrasound picture the image data are (PS3.3 C.8.5.5, US Region Calibration)."""

from __future__ import annotations

from pydicom import Dataset

from pacs_framework.anonymizers.pixel_work import Region, outside
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.errors import NotAnonymized

__all__ = ["ultrasound_regions"]

# Region Spatial Format (0018,6012): 2D, M-mode, spectral, wave form. The others are graphics, and
# what is of no format.
_OF_IMAGE_DATA = frozenset((1, 2, 3, 4))


def ultrasound_regions(dataset: Dataset, columns: int, rows: int) -> tuple[Region, ...]:
    """The regions of image data; the corners that they are described by are inside of them.

    Raises `NotAnonymized` where there are none, where they cannot be read, where they are not of
    an image of this size, and where they tell nothing, because they are the whole picture.
    """
    try:
        regions = tuple(
            _region(item)
            for item in dataset.get("SequenceOfUltrasoundRegions") or ()
            if item.get("RegionSpatialFormat") in _OF_IMAGE_DATA
        )
    except (*PYDICOM_FAILURES, AttributeError) as error:
        raise NotAnonymized(
            f"the Sequence of Ultrasound Regions (0018,6011) cannot be read: {type(error).__name__}"
        ) from None
    if not regions:
        raise NotAnonymized(
            "the Sequence of Ultrasound Regions (0018,6011) has no region of image data to keep"
        )
    # Some devices count the last column and row from 1.
    if any(r.left + r.width > columns + 1 or r.top + r.height > rows + 1 for r in regions):
        raise NotAnonymized(
            "the Sequence of Ultrasound Regions (0018,6011) is of another picture: a region in it "
            f"reaches beyond the {columns} × {rows} pixels of this one"
        )
    if not outside(regions, columns, rows) and dataset.get("BurnedInAnnotation") != "NO":
        raise NotAnonymized(
            "the ultrasound regions (0018,6011) are the whole picture, so they do not tell where "
            "text is: write a pixel rule that blanks it, or says that there is none (clean = true)"
        )
    return regions


def _region(item: Dataset) -> Region:
    left, top = int(item.RegionLocationMinX0), int(item.RegionLocationMinY0)
    return Region(
        left=left,
        top=top,
        width=int(item.RegionLocationMaxX1) - left + 1,
        height=int(item.RegionLocationMaxY1) - top + 1,
    )
