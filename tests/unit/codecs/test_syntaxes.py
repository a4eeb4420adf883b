"""What people call transfer syntaxes."""

from __future__ import annotations

import pytest

from pacs_framework.codecs.syntaxes import SHORT_NAMES, is_lossless, named_syntax, syntax_name
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES


@pytest.mark.parametrize(
    ("text", "uid"),
    [
        ("htj2k", "1.2.840.10008.1.2.4.201"),
        ("JPEG2000Lossless", "1.2.840.10008.1.2.4.90"),
        ("implicitvrlittleendian", "1.2.840.10008.1.2"),
        ("JPEGXLLossless", "1.2.840.10008.1.2.4.110"),
        ("jpeg2000", "1.2.840.10008.1.2.4.90"),
        ("JPEG2000", "1.2.840.10008.1.2.4.91"),
        (" 1.2.840.10008.1.2.5 ", "1.2.840.10008.1.2.5"),
    ],
)
def test_a_uid_a_keyword_and_a_short_name_are_understood(text: str, uid: str) -> None:
    assert named_syntax(text) == uid


@pytest.mark.parametrize(
    "text", ["", "jpg", "1.2.3", "CTImageStorage", "1.2.840.10008.5.1.4.1.1.2"]
)
def test_what_is_none_is_told_with_the_short_names(text: str) -> None:
    with pytest.raises(ValueError, match=r"no transfer syntax is called .* htj2k, htj2k-rpcl"):
        named_syntax(text)


def test_short_names_are_of_lossless_transfer_syntaxes() -> None:
    for uid in SHORT_NAMES.values():
        assert uid in TRANSFER_SYNTAXES
        assert is_lossless(uid)


@pytest.mark.parametrize("number", [50, 51, 81, 91, 93, 102, 111, 112, 203])
def test_what_an_encoder_may_make_lossy_is_not_lossless(number: int) -> None:
    assert not is_lossless(f"1.2.840.10008.1.2.4.{number}")


def test_every_transfer_syntax_with_a_name_is_found_by_its_keyword() -> None:
    assert syntax_name("1.2.840.10008.1.2.8.1") == "Deflated Image Frame Compression"
    assert syntax_name("1.2.840.10008.1.2.4.110") == "JPEG XL Lossless"
    assert syntax_name("1.2.3") == "1.2.3"
