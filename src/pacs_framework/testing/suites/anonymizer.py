"""The laws of anonymizers: inherit `AnonymizerSuite` and give the fixture ``anonymizers``.

::

    class TestMyAnonymizers(AnonymizerSuite):
        @pytest.fixture
        def anonymizers(self):
            return {"mine": MyAnonymizer(key=b"a key of the test")}

All anonymizers of one class have the same capabilities: give those that keep more, such as dates
(PS3.15 E.3.6), a class of their own. They are pickled and sent to another process, so their classes
stand in a module that can be imported there.
"""

from __future__ import annotations

import io
import logging
import pickle
import warnings
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar

import pytest
from pydicom import Dataset
from pydicom.config import RAISE
from pydicom.valuerep import STR_VR, validate_value

from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.applying import anonymous_instance
from pacs_framework.anonymizers.pixel_work import data_set_of
from pacs_framework.dicom.header import split_data_set
from pacs_framework.dicom.pixel_part import pixel_part
from pacs_framework.dicom.rewrite import encode_header, load_header
from pacs_framework.dicom.uids import (
    DEFLATED,
    IMPLICIT_VR,
    UNCOMPRESSED,
    UidForm,
    uid_form,
)
from pacs_framework.errors import NotAnonymized, PluginError
from pacs_framework.testing.suites.anonymizing import answer_of, answers_elsewhere
from pacs_framework.testing.suites.identifying import (
    EXPLICIT,
    Identified,
    Kind,
    in_character_sets,
    in_private_elements,
    left,
    of_every_class,
    ordinary,
    with_a_tail,
)
from pacs_framework.testing.suites.odd import odd_data_sets
from pacs_framework.testing.suites.referring import CLASS_UIDS, classes, study, uids_by_path
from pacs_framework.testing.suites.suite import Suite, needs
from pacs_framework.testing.threads import run_in_threads

__all__ = ["AnonymizerSuite"]

Named = Mapping[str, Anonymizer]

_THREADS = 8
_RLE = "1.2.840.10008.1.2.5"
_OF_THE_PIXELS = (
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "Rows", "Columns"),
    *("NumberOfFrames", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
)


class AnonymizerSuite(Suite, suite=True):
    """Every law of `pacs_framework.anonymizers.anonymizer.Anonymizer`.

    What names a person has to go in any case. The capabilities tell what else goes; who keeps some
    of it on purpose says so, and `test_what_is_excepted_is_really_kept` looks whether it is true.
    """

    cleans_text: ClassVar[bool] = True
    """Descriptions and comments are removed, or nothing that names the patient is left in them."""

    removes_dates: ClassVar[bool] = True
    """Dates of studies are removed, replaced or moved. Dates of birth always are."""

    removes_institutions: ClassVar[bool] = True
    """Names and addresses of institutions are removed or replaced."""

    removes_devices: ClassVar[bool] = True
    """Names and serial numbers of devices are removed or replaced."""

    refuses: ClassVar[frozenset[str]] = frozenset()
    """UIDs of storage SOP classes that raise `NotAnonymized`, such as those of photographs."""

    # --- what a subclass gives ------------------------------------------------------------------

    @pytest.fixture
    def anonymizers(self) -> Named | Anonymizer:
        """Name → anonymizer as the hook ``anonymizers`` has them, or a single one."""
        raise NotImplementedError(f"{type(self).__qualname__} needs a fixture 'anonymizers'")

    # --- what the laws use ----------------------------------------------------------------------

    @pytest.fixture
    def named(self, anonymizers: Named | Anonymizer) -> Named:
        """Every anonymizer, by name."""
        if isinstance(anonymizers, Anonymizer):
            return {type(anonymizers).__name__: anonymizers}
        return anonymizers

    # --- what it says of itself -----------------------------------------------------------------

    def test_each_has_a_name_and_says_what_it_does(self, named: Named) -> None:
        """In a few words on one line, for tables."""
        assert named
        for name, anonymizer in named.items():
            assert isinstance(anonymizer, Anonymizer), name
            assert name.strip() == name != "", f"{name!r}"
            assert anonymizer.description.strip(), f"{name} has no description"
            assert anonymizer.description.isprintable(), name

    def test_the_answer_says_that_it_is_de_identified_and_how(self, named: Named) -> None:
        """(0012,0062) is YES, and (0012,0063) or (0012,0064) has a value (PS3.15 E.1.1)."""
        for name, anonymizer in named.items():
            _check_says_so(_read(answer_of(anonymizer, ordinary().encoded, EXPLICIT)), name)

    # --- what must not be left ------------------------------------------------------------------

    def test_nothing_that_names_a_person_is_left(self, named: Named) -> None:
        """Not at the top level, and not three sequences deep."""
        assert _left_by(named, ordinary(), Kind.PERSON) == []

    def test_private_elements_name_nobody(self, named: Named) -> None:
        """Whatever their VR, in a sequence of their own, and without a private creator."""
        assert _left_by(named, in_private_elements()) == []

    def test_no_character_set_hides_a_name(self, named: Named) -> None:
        """With code extensions, ideographic and phonetic groups, and items with another one."""
        for declared, given in in_character_sets().items():
            assert _left_by(named, given) == [], declared

    @needs("cleans_text")
    def test_free_text_names_nobody(self, named: Named) -> None:
        """Descriptions, comments and histories, where anybody may have written anything."""
        assert _left_by(named, ordinary(), Kind.TEXT) == []

    @needs("removes_dates")
    def test_no_date_is_left_as_it_was(self, named: Named) -> None:
        """Moved ones are others."""
        assert _left_by(named, ordinary(), Kind.DATE) == []

    @needs("removes_institutions")
    def test_no_institution_is_left(self, named: Named) -> None:
        """Neither name nor address."""
        assert _left_by(named, ordinary(), Kind.INSTITUTION) == []

    @needs("removes_devices")
    def test_no_device_is_left(self, named: Named) -> None:
        """Neither name nor number."""
        assert _left_by(named, ordinary(), Kind.DEVICE) == []

    def test_what_is_excepted_is_really_kept(self, named: Named) -> None:
        """A capability that nobody needs to deny would only switch off its law."""
        for capability, kind in (
            ("cleans_text", Kind.TEXT),
            ("removes_dates", Kind.DATE),
            ("removes_institutions", Kind.INSTITUTION),
            ("removes_devices", Kind.DEVICE),
        ):
            if not getattr(self, capability):
                told = f"all remove {kind.name.lower()}: do not say {capability} = False"
                assert _left_by(named, ordinary(), kind), told

    # --- what stays -----------------------------------------------------------------------------

    def test_it_stays_what_it_is(self, named: Named) -> None:
        """In SOP class and in the attributes that describe the pixels."""
        given = ordinary().encoded
        before = _read(given)
        for name, anonymizer in named.items():
            after = _read(answer_of(anonymizer, given, EXPLICIT))
            for keyword in ("SOPClassUID", *_OF_THE_PIXELS):
                assert after.get(keyword) == before.get(keyword), f"{name}: {keyword}"

    def test_every_storage_sop_class_is_de_identified(self, named: Named) -> None:
        """In one uncompressed transfer syntax or another; or refused, where that is declared."""
        assert self.refuses <= of_every_class().keys()
        for name, anonymizer in named.items():
            for uid, given in of_every_class().items():
                if uid not in self.refuses:
                    _check_instance(anonymizer, given, name)
                    continue
                with pytest.raises(NotAnonymized):
                    _check_instance(anonymizer, given, name)

    @pytest.mark.parametrize("syntax", [*sorted(UNCOMPRESSED), _RLE])
    def test_pixel_data_stay_and_nothing_behind_them(self, named: Named, syntax: str) -> None:
        """Byte for byte; signatures, padding and private elements that follow are gone."""
        given = with_a_tail(syntax)
        for name, anonymizer in named.items():
            _check_instance(anonymizer, given, name)

    def test_an_instance_that_is_not_encoded_as_announced_stays_whole(self, named: Named) -> None:
        """Header and pixel data in implicit VR, though explicit VR is announced: some are so."""
        given = with_a_tail(IMPLICIT_VR)
        for name, anonymizer in named.items():
            made = anonymous_instance(anonymizer, io.BytesIO(given.encoded), EXPLICIT)
            after = split_data_set(b"".join(made.dataset), EXPLICIT)
            assert after.implicit, name
            before = split_data_set(given.encoded, IMPLICIT_VR)
            assert b"".join(after.tail) == b"".join(pixel_part(before)), name

    def test_uids_of_classes_are_not_mapped(self, named: Named) -> None:
        """SOP classes, transfer syntaxes, coding schemes, context groups: where they are kept."""
        given = classes()
        before = uids_by_path(_read(given))
        for name, anonymizer in named.items():
            after = uids_by_path(_read(answer_of(anonymizer, given, EXPLICIT)))
            for path in before.keys() & after.keys():
                if path[-1] in CLASS_UIDS:
                    assert after[path] == before[path], f"{name}: {' > '.join(path)}"

    # --- references -----------------------------------------------------------------------------

    def test_references_between_instances_hold(self, named: Named) -> None:
        """One UID becomes one UID wherever it stands; two stay two; all are valid (PS3.5 9.1)."""
        for name, anonymizer in named.items():
            mapped = _mapped_uids(anonymizer)
            torn = sorted(uid for uid, became in mapped.items() if len(became) > 1)
            assert torn == [], f"{name}: these became several"
            new = [uid for became in mapped.values() for uid in became]
            assert len({*new}) == len(new), f"{name}: two became one"
            for uid in new:
                assert uid_form(uid) is UidForm.VALID, f"{name}: {uid!r}"

    def test_uids_are_new_or_kept_as_declared(self, named: Named) -> None:
        """By `Anonymizer.keeps_uids`."""
        for name, anonymizer in named.items():
            mapped = _mapped_uids(anonymizer)
            for uid, became in mapped.items():
                if anonymizer.keeps_uids:
                    assert became == {uid}, f"{name} does not keep {uid}"
                else:
                    assert not became & mapped.keys(), f"{name} keeps {uid}"

    # --- always the same ------------------------------------------------------------------------

    def test_the_same_gives_the_same_in_every_thread(self, named: Named) -> None:
        """Eight at once get what one gets."""
        given = study()
        for name, anonymizer in named.items():
            together: deque[bytes] = deque()
            run_in_threads(_answering(anonymizer, given, together), _THREADS)
            alone: deque[bytes] = deque()
            _answering(anonymizer, given, alone)()
            assert {*together} == {*alone}, name

    def test_the_same_gives_the_same_in_every_process(self, named: Named) -> None:
        """It is pickled, and goes there."""
        given = [ordinary().encoded, *study()]
        for name, anonymizer in named.items():
            again = pickle.loads(pickle.dumps(anonymizer))  # noqa: S301 - our own
            assert again.keeps_uids == anonymizer.keeps_uids, name
        elsewhere = answers_elsewhere(named, given, EXPLICIT)
        for name, anonymizer in named.items():
            here = [answer_of(anonymizer, each, EXPLICIT) for each in given]
            assert _differing(here, elsewhere[name]) == [], name

    # --- whatever comes -------------------------------------------------------------------------

    def test_odd_data_sets_give_an_answer_or_are_refused(self, named: Named) -> None:
        """Empty ones, unknown VRs, values against their VR: nobody is named, nothing crashes."""
        for name, anonymizer in named.items():
            for shape, given in odd_data_sets().items():
                answer = _tried(anonymizer, given, f"{name}: {shape}")
                assert left(answer, given.planted) == [], f"{name}: {shape}"

    def test_nothing_of_the_patient_is_told(
        self, named: Named, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Not by `NotAnonymized`, not in the log, by a warning, or by what is printed."""
        given = [ordinary(), in_private_elements(), *odd_data_sets().values()]
        planted = [mark for each in given for mark in each.planted if mark.kind is Kind.PERSON]
        for name, anonymizer in named.items():
            told = "\n".join([*_told(anonymizer, given, caplog), *capfd.readouterr()])
            assert left(told.encode(errors="replace"), planted) == [], f"{name} tells of these"

    def test_the_answer_is_valid_and_read_back(self, named: Named) -> None:
        """Every value is one of its VR (PS3.5 6.2)."""
        for name, anonymizer in named.items():
            _check_values(_read(answer_of(anonymizer, ordinary().encoded, EXPLICIT)), name)

    def test_a_second_run_brings_nothing_back(self, named: Named) -> None:
        """What was de-identified stays so, and valid."""
        given = ordinary()
        for name, anonymizer in named.items():
            once = answer_of(anonymizer, given.encoded, EXPLICIT)
            twice = answer_of(anonymizer, once, EXPLICIT)
            _check_says_so(_read(twice), name)
            _check_values(_read(twice), name)
            assert {*left(twice, given.planted)} <= {*left(once, given.planted)}, name


def _left_by(named: Named, given: Identified, *kinds: Kind) -> list[str]:
    """What an answer still tells, and whose answer it is."""
    return [
        f"{name}: {where}"
        for name, anonymizer in named.items()
        for where in left(answer_of(anonymizer, given.encoded, EXPLICIT), given.planted, *kinds)
    ]


def _read(data: bytes, syntax: str = EXPLICIT) -> Dataset:
    return load_header(data, syntax)


def _check_says_so(answer: Dataset, name: str) -> None:
    assert answer.get("PatientIdentityRemoved") == "YES", name
    methods = ("DeidentificationMethod", "DeidentificationMethodCodeSequence")
    assert any(answer.get(keyword) for keyword in methods), f"{name} does not tell the method"


def _check_instance(anonymizer: Anonymizer, given: Identified, name: str) -> None:
    """That a whole instance is one afterwards, of the same class, with the same pixels."""
    syntax = given.transfer_syntax
    made = anonymous_instance(anonymizer, io.BytesIO(given.encoded), syntax)
    before = split_data_set(given.encoded, syntax)
    after = split_data_set(b"".join(made.dataset), syntax)
    # Class and transfer syntax are told by those of the first planted value.
    told = f"{name}: {given.planted[0].where}"
    assert b"".join(after.tail) == b"".join(pixel_part(before)), f"{told}: other pixel data"
    assert left(after.header, given.planted) == [], name
    answer = _read(after.header, EXPLICIT if syntax in DEFLATED else syntax)
    assert made.meta.sop_class_uid == answer.SOPClassUID == _class_of(before.header, syntax), told
    assert made.meta.sop_instance_uid == answer.SOPInstanceUID, told
    _check_values(answer, told)


def _class_of(header: bytes, syntax: str) -> str:
    return str(_read(header, EXPLICIT if syntax in DEFLATED else syntax).SOPClassUID)


def _check_values(dataset: Dataset, told: str) -> None:
    """That each value can be decoded, and each text is one of its VR."""
    for element in dataset.iterall():
        if element.VR in STR_VR and not element.is_empty:
            values = element.value if element.VM > 1 else [element.value]
            for value in values:
                try:
                    validate_value(element.VR, str(value), RAISE)
                except ValueError:
                    pytest.fail(f"{told}: {element.tag} {element.keyword} is no {element.VR}")


def _mapped_uids(anonymizer: Anonymizer) -> dict[str, set[str]]:
    """UID of an instance, a series, a study or a frame of reference → what it has become."""
    mapped: defaultdict[str, set[str]] = defaultdict(set)
    for data in study():
        after = uids_by_path(_read(answer_of(anonymizer, data, EXPLICIT)))
        for path, uid in uids_by_path(_read(data)).items():
            if path[-1] not in CLASS_UIDS and path in after:
                mapped[uid].add(after[path])
    return dict(mapped)


def _answering(
    anonymizer: Anonymizer, given: Iterable[bytes], into: deque[bytes]
) -> Callable[[], None]:
    return lambda: into.extend(answer_of(anonymizer, each, EXPLICIT) for each in given)


def _differing(here: list[bytes], elsewhere: list[bytes]) -> list[str]:
    """Attributes with another value in the other process; told by name, not in bytes."""
    found: list[str] = []
    for ours, theirs in zip(here, elsewhere, strict=True):
        if ours != theirs:
            one, other = _read(ours), _read(theirs)
            tags = {*one.keys(), *other.keys()}
            found += [str(tag) for tag in sorted(tags) if one.get(tag) != other.get(tag)] or ["?"]
    return found


def _tried(anonymizer: Anonymizer, given: Identified, told: str) -> bytes:
    """The encoded answer; nothing where it was refused, or could not be encoded."""
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")  # one that is an error would look like an exception
        try:
            answer = anonymizer.anonymize(load_header(given.encoded, EXPLICIT))
        except NotAnonymized:
            return b""
        except Exception as error:
            raise AssertionError(f"{told}: not NotAnonymized but {error!r}") from error
        try:
            return encode_header(data_set_of(answer), EXPLICIT)
        except PluginError:  # the archive refuses it then
            return b""


def _told(
    anonymizer: Anonymizer, given: Iterable[Identified], caplog: pytest.LogCaptureFixture
) -> Iterator[str]:
    """All that is told while it works, but for what it prints."""
    caplog.clear()
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for each in given:
            try:
                anonymizer.anonymize(load_header(each.encoded, EXPLICIT))
            except NotAnonymized as error:
                yield str(error)
            except Exception as error:  # noqa: BLE001 - another law tells that it is the wrong one
                yield type(error).__name__
    yield from (str(warning.message) for warning in warned)
    yield caplog.text
