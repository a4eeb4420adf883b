"""Which instances a rule is for, and which rules are none."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from pydicom import Dataset
from pydicom.uid import (
    JPEG2000,
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    MRImageStorage,
)

from pacs_compress import plugin
from pacs_compress.rules import choose
from pacs_compress.settings import CompressSettings
from pacs_framework.archive.incoming import Compression, IncomingInstance, Origin
from pacs_framework.codecs.loss import Loss, Measure

HTJ2K = "1.2.840.10008.1.2.4.201"


def instance(
    *,
    aet: str = "CT1",
    modality: str = "CT",
    sop_class: str = CTImageStorage,
    syntax: str = ExplicitVRLittleEndian,
) -> IncomingInstance:
    return IncomingInstance(
        origin=Origin(door="dimse", calling_aet=aet),
        sop_class_uid=sop_class,
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=syntax,
        size=100,
        attributes={"Modality": modality},
        load_dataset=Dataset,
    )


def chosen(of: IncomingInstance, *rules: dict[str, object]) -> str:
    """The transfer syntax; empty where it is kept as it came."""
    answer = choose(of, CompressSettings.model_validate({"rules": rules}).rules)
    return answer.to if answer else ""


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        ({}, True),
        ({"calling_aet": "CT1"}, True),
        ({"calling_aet": "CT*"}, True),
        ({"calling_aet": ["MR*", "CT?"]}, True),
        ({"calling_aet": "ct1"}, False),
        ({"calling_aet": "MR*"}, False),
        ({"modality": "CT"}, True),
        ({"modality": ["MR", "PT"]}, False),
        ({"sop_class": "CTImageStorage"}, True),
        ({"sop_class": [str(MRImageStorage), str(CTImageStorage)]}, True),
        ({"sop_class": "MRImageStorage"}, False),
        ({"modality": "CT", "calling_aet": "MR1"}, False),
    ],
)
def test_a_rule_is_for_what_all_its_conditions_match(
    rule: dict[str, object], matches: bool
) -> None:
    assert chosen(instance(), {**rule, "to": "htj2k"}) == (HTJ2K if matches else "")


def test_the_first_rule_that_matches_counts() -> None:
    rules = [
        {"modality": "MR", "to": "rle"},
        {"modality": "CT", "to": "htj2k"},
        {"to": "jpeg2000"},
    ]
    assert chosen(instance(), *rules) == HTJ2K
    assert chosen(instance(modality="US"), *rules) == JPEG2000Lossless


@pytest.mark.parametrize(
    ("stored", "plain", "recompress"),
    [
        (ExplicitVRLittleEndian, HTJ2K, HTJ2K),
        (JPEGLSLossless, "", HTJ2K),
        (HTJ2K, "", ""),
        (JPEGBaseline8Bit, "", ""),
        (JPEG2000, "", ""),  # may have lost something, nobody knows
    ],
)
def test_what_came_compressed_is_left_unless_it_lost_nothing_and_a_rule_says_so(
    stored: str, plain: str, recompress: str
) -> None:
    assert chosen(instance(syntax=stored), {"to": "htj2k"}) == plain
    assert chosen(instance(syntax=stored), {"to": "htj2k", "recompress": True}) == recompress


def test_a_lossy_rule_says_how_much() -> None:
    rules = CompressSettings.model_validate(
        {"rules": [{"to": "jpeg", "lossy": True, "quality": 90}]}
    ).rules
    assert choose(instance(), rules) == Compression(
        to=JPEGBaseline8Bit,
        loss=Loss(Measure.QUALITY, 90),
        reason="a rule for JPEG Baseline (Process 1)",
    )


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({}, "Field required"),
        ({"to": "jpg"}, "no transfer syntax is called 'jpg'"),
        ({"to": "explicit"}, "nothing is compressed without loss"),
        ({"to": "jpeg"}, "may lose information: lossy = true allows it"),
        ({"to": "JPEG2000"}, "may lose information: lossy = true allows it"),
        ({"to": "htj2k", "near": 2}, "takes one of quality, ratio and near"),
        ({"to": "jpeg", "lossy": True}, "takes one of quality, ratio and near"),
        ({"to": "jpeg", "lossy": True, "near": 1, "ratio": 3}, "takes one of quality"),
        ({"to": "jpeg", "lossy": True, "quality": 101}, "a quality is from 1 to 100, not 101"),
        ({"to": "htj2k", "lossy": True, "quality": 50}, "nothing is compressed with quality 50"),
        ({"to": "htj2k", "sop_class": "CT"}, "'CT' is neither a UID nor the keyword"),
        ({"to": "htj2k", "modalities": "CT"}, "Extra inputs are not permitted"),
    ],
)
def test_a_rule_that_does_not_fit_together_is_refused(rule: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        CompressSettings.model_validate({"rules": [rule]})


def test_without_a_rule_nothing_is_asked() -> None:
    rules = CompressSettings.model_validate({"rules": [{"to": "htj2k"}]})
    assert plugin.idle_hooks(CompressSettings()) == ("on_store",)
    assert plugin.idle_hooks(rules) == ()
    assert plugin.conformance(CompressSettings()) == []


def test_the_conformance_statement_tells_what_is_stored_otherwise() -> None:
    rules = [
        {"modality": ["CT", "MR"], "sop_class": "CTImageStorage", "to": "htj2k"},
        {"to": "jpeg", "lossy": True, "quality": 90, "recompress": True},
    ]
    lossless, lossy, published = plugin.conformance(
        CompressSettings.model_validate({"rules": rules})
    )
    assert "of Modality CT or MR, of SOP Class CT Image Storage," in lossless.text
    assert "Success (0000H)" in lossless.text
    assert "uncompressed or lossless compressed" in lossy.text
    assert "quality 90" in lossy.text
    assert "(B000H)" in lossy.text
    assert published.names == ("rules",)
