"""pydicom without its checks of values that are read.

An archive takes what modalities send and queries as they come: an invalid value is not its concern,
and a wild card in a CS key is no invalid value at all. pydicom would warn about each, through
`logging` and `warnings`, and quote the value, which is the patient's. Its setting is one for the
whole process, so it is made where decoding begins and nowhere else.
"""

from __future__ import annotations

from pydicom import config

__all__ = ["take_values_as_they_are"]


def take_values_as_they_are() -> None:
    """Have pydicom neither check nor quote values; what cannot be decoded still raises."""
    config.settings.reading_validation_mode = config.IGNORE
