"""What goes wrong with models; each says to whom it is to be told.

::

    PacsError
    ├── NoVolume          a series is none that the model can work on
    ├── ModelFailed       the model did not come to an end
    │   ├── ModelCanceled somebody did not want it any more
    │   └── NoGpu         it wants a GPU, and there is none
    └── RefusedOutput     it did, and what it made must not be kept
"""

from __future__ import annotations

from http import HTTPStatus

from pacs_framework.errors import PacsError

__all__ = ["ModelCanceled", "ModelFailed", "NoGpu", "NoVolume", "RefusedOutput"]


class NoVolume(PacsError):
    """The images of a series lie on no regular grid, or are none that this model wants."""

    http_status = HTTPStatus.UNPROCESSABLE_ENTITY


class ModelFailed(PacsError):
    """A model raised, crashed, took too long or too much memory. Nothing was stored."""

    http_status = HTTPStatus.BAD_GATEWAY


class ModelCanceled(ModelFailed):
    """A run was canceled. Nothing was stored."""


class NoGpu(ModelFailed):
    """The machine has no GPU for a model that wants one. It was not started."""


class RefusedOutput(PacsError):
    """What a model made does not belong to its input, or is no instance; it was not stored."""

    http_status = HTTPStatus.BAD_GATEWAY
