"""What the colours of a picture mean: ICC profiles kept, left out, or turned into sRGB."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image, ImageCms

from pacs_dicomweb.rendered.look import IccProfile
from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.picture import Picture

__all__ = ["with_profile"]


def with_profile(picture: Picture, wanted: IccProfile | None, *, holds: bool) -> Picture:
    """``picture`` with colours as ``wanted``; greys have none, and stay.

    Where the file ``holds`` no profile, viewers take the colours for sRGB, so that is what they
    become, unless ``wanted`` is to leave them alone. Raises `UnreadableInstance` for a profile that
    cannot be used.
    """
    if not picture.is_colour:
        return picture
    if wanted is IccProfile.NO:
        return replace(picture, icc_profile=b"")
    if wanted is IccProfile.SRGB or not holds:
        made = _in_srgb(picture) if picture.icc_profile else picture
        return replace(made, icc_profile=_srgb() if holds else b"")
    if wanted is IccProfile.YES and not picture.icc_profile:
        # PS3.3 C.11.15: colours without a profile are nobody's in particular; screens mean sRGB.
        return replace(picture, icc_profile=_srgb())
    return picture


def _in_srgb(picture: Picture) -> Picture:
    image = Image.fromarray(np.ascontiguousarray(picture.pixels))
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(picture.icc_profile))
        target = ImageCms.createProfile("sRGB")
        made = ImageCms.profileToProfile(image, source, target)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        raise UnreadableInstance("its ICC profile cannot be used: iccprofile=no leaves it") from (
            error
        )
    assert made is not None
    return replace(picture, pixels=np.asarray(made))


def _srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
