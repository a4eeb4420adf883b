"""Images compressed with loss: never without being asked, and never as if nothing were lost."""

from __future__ import annotations

import io
import sys
from copy import deepcopy
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence

from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.derivation import Derivation, derived_uid
from pacs_framework.codecs.loss import Loss, Measure
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.codecs.registry import CodecRegistry
from pacs_framework.codecs.syntaxes import LOSSY_METHODS, LOSSY_NAMES, is_lossless, named_syntax
from pacs_framework.codecs.transcoding import NoPixelData, Transcoding
from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES, is_valid_uid
from pacs_framework.errors import UnreadableInstance

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import EXPLICIT, NEAR, RLE, Dimming, Mirror, image, mirrored

NATIVE = bytes(range(1, 13))
PIXELS = PixelFormat(rows=2, columns=3, bits_allocated=16, bits_stored=12)
NEAR_1 = Loss(Measure.NEAR, 1)


def source(**changed: object) -> Dataset:
    header = image(**changed)
    header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    header.PixelData = NATIVE
    header["PixelData"].VR = "OW"
    return header


def transcoding() -> Transcoding:
    registry = CodecRegistry()
    registry.add([Dimming(NEAR), Mirror(RLE)], plugin="test")
    return Transcoding(registry, encoder=registry)


def derived(dataset: Dataset, loss: Loss = NEAR_1) -> Dataset:
    data = io.BytesIO(encode_identifier(dataset, EXPLICIT))
    made = transcoding().derive(data, EXPLICIT, NEAR, loss)
    read = read_dataset(io.BytesIO(b"".join(made.pieces)), False, True)
    assert read.SOPInstanceUID == made.sop_instance_uid
    return read


def described(header: Dataset, ratio: float = 10.0) -> Dataset:
    Derivation(NEAR, NEAR_1).describe(header, ratio)
    return header


@pytest.mark.parametrize(
    ("measure", "amount", "told"),
    [
        (Measure.QUALITY, 0, "a quality is from 1 to 100, not 0"),
        (Measure.QUALITY, 100.5, "a quality is from 1 to 100, not 100.5"),
        (Measure.QUALITY, float("nan"), "a quality is from 1 to 100, not nan"),
        (Measure.RATIO, 1, "a ratio is more than 1, not 1"),
        (Measure.RATIO, float("inf"), "a ratio is more than 1, not inf"),
        (Measure.NEAR, 0, "from 1 to 255, not 0"),
        (Measure.NEAR, 1.5, "from 1 to 255, not 1.5"),
        (Measure.NEAR, 256, "from 1 to 255, not 256"),
    ],
)
def test_what_is_no_loss_is_told(measure: Measure, amount: float, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Loss(measure, amount)


def test_a_loss_says_itself_in_words() -> None:
    assert str(Loss(Measure.QUALITY, 90)) == "quality 90"
    assert str(Loss(Measure.RATIO, 7.5)) == "ratio 7.5"


def test_every_lossy_name_is_of_a_syntax_that_may_lose_and_has_a_method() -> None:
    for name, uid in LOSSY_NAMES.items():
        assert named_syntax(name) == uid
        assert uid in TRANSFER_SYNTAXES
        assert not is_lossless(uid)
    assert set(LOSSY_METHODS) == set(LOSSY_NAMES.values())


def test_an_image_with_loss_is_another_instance_that_says_so() -> None:
    """PS3.3 C.7.6.1.1.5, C.7.6.1.1.2 and C.7.6.1.1.4."""
    made = derived(source(ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], PatientName="Doe^Jane"))
    assert list(generate_frames(made.PixelData, number_of_frames=1)) == [
        mirrored(bytes(byte & 0xFE for byte in NATIVE))
    ]
    assert made.SOPInstanceUID not in ("", "1.2.3.4")
    assert is_valid_uid(made.SOPInstanceUID)
    assert made.ImageType == ["DERIVED", "PRIMARY", "AXIAL"]
    assert made.LossyImageCompression == "01"
    assert made.LossyImageCompressionRatio == pytest.approx(12 / 14, abs=1e-5)
    assert made.LossyImageCompressionMethod == "ISO_14495_1"
    assert "near 1" in made.DerivationDescription
    (code,) = made.DerivationCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("113040", "DCM")
    (of,) = made.SourceImageSequence
    assert (of.ReferencedSOPInstanceUID, of.ReferencedSOPClassUID) == ("1.2.3.4", made.SOPClassUID)
    assert of.PurposeOfReferenceCodeSequence[0].CodeValue == "121320"
    assert made.PatientName == "Doe^Jane"


def test_the_same_compression_makes_the_same_instance_and_another_one_another() -> None:
    """So a sender that tries again does not fill the archive."""
    uids = {
        derived_uid("1.2.3", NEAR, NEAR_1),
        derived_uid("1.2.3", NEAR, Loss(Measure.NEAR, 2)),
        derived_uid("1.2.3", LOSSY_NAMES["jpeg"], NEAR_1),
        derived_uid("1.2.4", NEAR, NEAR_1),
    }
    assert len(uids) == 4
    assert derived_uid("1.2.3", NEAR, NEAR_1) in uids


def test_what_was_lost_before_stays_in_front() -> None:
    """Ratios and methods correspond, in the order of the compressions."""
    header = described(described(image(SOPClassUID="1.2"), 2.5), 10)
    assert [float(ratio) for ratio in header.LossyImageCompressionRatio] == [2.5, 10]
    assert header.LossyImageCompressionMethod == ["ISO_14495_1", "ISO_14495_1"]
    assert len(header.DerivationCodeSequence) == 2
    first, second = header.SourceImageSequence
    assert first.PurposeOfReferenceCodeSequence[0].CodeValue == "121320"
    assert second.PurposeOfReferenceCodeSequence[0].CodeValue == "121330"
    assert header.DerivationDescription.count("; ") == 1


def test_a_description_that_would_be_too_long_stays_as_it_was() -> None:
    header = described(image(DerivationDescription="x" * 1020))
    assert header.DerivationDescription == "x" * 1020


def test_an_image_without_a_type_becomes_a_derived_one() -> None:
    assert described(image()).ImageType == ["DERIVED", "SECONDARY"]


def test_what_was_true_of_the_source_only_goes() -> None:
    header = image(
        InstanceCreationDate="20260102",
        InstanceCreatorUID="1.2",
        SmallestImagePixelValue=1,
        LargestImagePixelValue=9,
        WindowCenter="40",
    )
    described(header)
    gone = ("InstanceCreationDate", "SmallestImagePixelValue", "LargestImagePixelValue")
    assert not [keyword for keyword in (*gone, "InstanceCreatorUID") if keyword in header]
    assert header.WindowCenter == 40


def item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def frame_type(*values: str) -> Dataset:
    return item(MRImageFrameTypeSequence=Sequence([item(FrameType=list(values))]))


def test_frames_of_an_enhanced_image_are_derived_too() -> None:
    """PS3.3 C.7.6.16.2.6: in the shared groups, where no frame has a derivation of its own."""
    header = image(
        2,
        SharedFunctionalGroupsSequence=Sequence([item()]),
        PerFrameFunctionalGroupsSequence=Sequence(
            [frame_type("ORIGINAL", "PRIMARY"), frame_type("MIXED", "PRIMARY")]
        ),
    )
    described(header)
    for group in header.PerFrameFunctionalGroupsSequence:
        assert group.MRImageFrameTypeSequence[0].FrameType == ["DERIVED", "PRIMARY"]
    (shared,) = header.SharedFunctionalGroupsSequence
    (derivation,) = shared.DerivationImageSequence
    assert derivation.DerivationCodeSequence[0].CodeValue == "113040"
    assert derivation.SourceImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"
    assert "DerivationCodeSequence" not in header


@pytest.mark.parametrize("series", [["1.2.9"], ["1.2.7", "1.2.9"], []])
def test_an_enhanced_image_lists_its_source_among_its_references(series: list[str]) -> None:
    """PS3.3 C.12.2: in the item of its series, which is made where there is none."""
    listed = [
        item(SeriesInstanceUID=uid, ReferencedInstanceSequence=Sequence([item()])) for uid in series
    ]
    header = image(
        SeriesInstanceUID="1.2.9",
        SharedFunctionalGroupsSequence=Sequence([item()]),
        ReferencedSeriesSequence=Sequence(listed),
    )
    described(header)
    assert len(header.ReferencedSeriesSequence) == max(1, len(series))
    last = header.ReferencedSeriesSequence[-1]
    assert last.SeriesInstanceUID == "1.2.9"
    assert last.ReferencedInstanceSequence[-1].ReferencedSOPInstanceUID == "1.2.3.4"


def test_a_derivation_that_each_frame_has_is_gone_on_with_in_each() -> None:
    """A functional group is shared or one for each frame, never both (C.7.6.16.1.1)."""
    before = [item(DerivationImageSequence=Sequence([item(DerivationDescription="x")]))] * 2
    header = image(
        2,
        SharedFunctionalGroupsSequence=Sequence([item()]),
        PerFrameFunctionalGroupsSequence=Sequence([*map(deepcopy, before)]),
    )
    described(header)
    assert "DerivationImageSequence" not in header.SharedFunctionalGroupsSequence[0]
    for group in header.PerFrameFunctionalGroupsSequence:
        assert len(group.DerivationImageSequence) == 2


@pytest.mark.parametrize(
    ("target", "loss", "told"),
    [
        (RLE, NEAR_1, "loses nothing, so there is no loss to measure"),
        ("1.2.840.10008.1.2.4.102", NEAR_1, "is nothing to compress images to"),
        (NEAR, Loss(Measure.RATIO, 2), "no installed codec encodes .* to a ratio"),
        (LOSSY_NAMES["jpeg"], NEAR_1, "no installed codec encodes .* to a near"),
    ],
)
def test_what_is_no_lossy_target_is_told(target: str, loss: Loss, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        transcoding().derive(io.BytesIO(), EXPLICIT, target, loss)


def test_without_an_encoder_nothing_is_lost() -> None:
    with pytest.raises(ValueError, match="no installed codec"):
        Transcoding(CodecRegistry()).check_lossy_target(NEAR, NEAR_1)


def test_what_has_no_pixel_data_cannot_lose_any() -> None:
    data = encode_identifier(item(SOPInstanceUID="1.2.3"), EXPLICIT)
    with pytest.raises(NoPixelData):
        transcoding().derive(io.BytesIO(data), EXPLICIT, NEAR, NEAR_1)


def test_the_next_codec_is_asked_and_none_is_an_error() -> None:
    class Failing(Dimming):
        cost = 0.1

        def encode_lossy(self, frame: Frame, loss: Loss) -> Frame:
            raise UnreadableInstance("not today")

    made, frame = CodecRegistry(), Frame(NATIVE, PIXELS)
    made.add([Failing(NEAR)], plugin="failing")
    with pytest.raises(UnreadableInstance, match="not today"):
        made.encode_lossy(frame, NEAR, NEAR_1)
    made.add([Dimming(NEAR)], plugin="dimming")
    assert made.encode_lossy(frame, NEAR, NEAR_1).pixels == PIXELS
    assert made.encodes_lossy(NEAR, Measure.NEAR)
    assert not made.encodes_lossy(NEAR, Measure.RATIO)
    with pytest.raises(UnreadableInstance, match=r"no codec encodes .* with ratio 2"):
        made.encode_lossy(frame, NEAR, Loss(Measure.RATIO, 2))
