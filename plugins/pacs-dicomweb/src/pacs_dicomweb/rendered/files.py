"""Pictures as files of the media types of the web: JPEG, PNG, GIF, JPEG 2000."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from pacs_dicomweb.rendered.media import GIF, JP2, JPEG, PNG
from pacs_framework.rendering.picture import Picture, PictureFormat

__all__ = ["animated_gif", "file_of", "holds_profile"]

_FORMATS = {JPEG: PictureFormat.JPEG, PNG: PictureFormat.PNG}
_ONCE_MORE_FOR_EVER = 0


def holds_profile(media_type: str) -> bool:
    """Whether its files hold an ICC profile."""
    return media_type in _FORMATS


def file_of(picture: Picture, media_type: str, quality: int) -> bytes:
    """The file; ``quality`` is for JPEG, the others lose nothing but colours beyond 256 (GIF).

    Raises `pacs_framework.errors.InstanceError` for what the format cannot hold.
    """
    if media_type in _FORMATS:
        return picture.encoded(_FORMATS[media_type], quality=quality)
    file = io.BytesIO()
    _image(picture).save(file, {GIF: "GIF", JP2: "JPEG2000"}[media_type])
    return file.getvalue()


def animated_gif(pictures: Iterable[Picture], milliseconds: float) -> bytes:
    """All of them, each shown for so long, over and over."""
    images: Iterator[Image.Image] = map(_image, pictures)
    file = io.BytesIO()
    next(images).save(
        file,
        "GIF",
        save_all=True,
        append_images=images,
        duration=max(round(milliseconds), 20),  # faster ones are slowed down by browsers
        loop=_ONCE_MORE_FOR_EVER,
    )
    return file.getvalue()


def _image(picture: Picture) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(picture.pixels))
