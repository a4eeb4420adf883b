"""The contract that this plugin keeps, as tests; `pacs plugin check` and its own tests run them.

Nothing of the plugin imports this module: pytest is no dependency.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from pydicom import uid

from pacs_anonymize.engine.options import Option
from pacs_anonymize.names import BASIC, SHIPPED
from pacs_anonymize.profiles.known import profile_named
from pacs_anonymize.profiles.reading import load_profile
from pacs_anonymize.settings import AnonymizeSettings
from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.testing.suites.anonymizer import AnonymizerSuite

__all__ = ["TestProfiles", "TestRetaining", "TestShipped"]

_KEY = b"a key of thirty-two bytes or so."

# Pixels are as they were: the suite compares them.
_PIXELS = """
options = ["clean-pixel-data"]
[[pixels]]
clean = true
why = "the suite makes them"
"""


def _profile(*options: Option, name: str = BASIC) -> Mapping[str, Anonymizer]:
    loaded = profile_named(name, AnonymizeSettings()).with_options(options)
    return {" ".join([name, *options]): loaded.anonymizer(_KEY)}


class TestProfiles(AnonymizerSuite):
    """The Basic Profile, alone and with options that give nothing away."""

    @pytest.fixture
    def anonymizers(self) -> Mapping[str, Anonymizer]:
        """The second one with every option that cleans, the third one with what may be kept, the
        last one with a rule for pixels.
        """
        return {
            **_profile(),
            **_profile(
                Option.CLEAN_DESCRIPTORS,
                Option.CLEAN_STRUCTURED_CONTENT,
                Option.CLEAN_GRAPHICS,
                Option.RETAIN_LONGITUDINAL_MODIFIED_DATES,
            ),
            **_profile(
                Option.RETAIN_UIDS,
                Option.RETAIN_SAFE_PRIVATE,
                Option.RETAIN_PATIENT_CHARACTERISTICS,
            ),
            "pixels": load_profile(_PIXELS, "pixels", "pixels.toml").anonymizer(_KEY),
        }


class TestShipped(AnonymizerSuite):
    """The profile files that come with the plugin."""

    # HIPAA Safe Harbor refuses photographs, and what says that text is burned in: documents of the
    # suite do. This plugin looks at no pixels.
    refuses = frozenset(
        str(getattr(uid, name))
        for name in (
            *("VLPhotographicImageStorage", "VideoPhotographicImageStorage"),
            *("EncapsulatedPDFStorage", "EncapsulatedCDAStorage", "EncapsulatedSTLStorage"),
            *("EncapsulatedOBJStorage", "EncapsulatedMTLStorage"),
        )
    )

    @pytest.fixture
    def anonymizers(self) -> Mapping[str, Anonymizer]:
        """All of them."""
        return {key: value for name in SHIPPED for key, value in _profile(name=name).items()}


class TestRetaining(AnonymizerSuite):
    """What is kept on purpose: dates, devices, institutions (PS3.15 E.3.6, E.3.8, E.3.11)."""

    removes_dates = False
    removes_devices = False
    removes_institutions = False

    @pytest.fixture
    def anonymizers(self) -> Mapping[str, Anonymizer]:
        """One anonymizer."""
        return _profile(
            Option.RETAIN_LONGITUDINAL_FULL_DATES,
            Option.RETAIN_DEVICE_IDENTITY,
            Option.RETAIN_INSTITUTION_IDENTITY,
        )
