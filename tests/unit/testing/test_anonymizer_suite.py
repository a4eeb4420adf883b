"""The anonymizer suite notices: each broken anonymizer fails the laws that it breaks alone."""

from __future__ import annotations

BROKEN = '''
    import hashlib
    import itertools
    import logging
    import uuid
    import warnings

    import pytest
    from pydicom import Dataset
    from pydicom.datadict import dictionary_VR, keyword_for_tag
    from pydicom.uid import VLPhotographicImageStorage

    from pacs_framework.anonymizers.anonymizer import Anonymizer
    from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
    from pacs_framework.errors import NotAnonymized
    from pacs_framework.testing.suites.anonymizer import AnonymizerSuite

    SEQUENCES = ("SourceImageSequence", "CodingSchemeIdentificationSequence",
                 "PerFrameFunctionalGroupsSequence", "FrameContentSequence")
    UIDS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "ReferencedSOPInstanceUID")
    KEPT = (*SEQUENCES, "SOPClassUID", "ReferencedSOPClassUID", "CodingSchemeUID", "Modality",
            "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "Rows",
            "Columns", "NumberOfFrames", "BitsAllocated", "BitsStored", "HighBit",
            "PixelRepresentation")


    class Sound(Anonymizer):
        description = "keeps next to nothing"
        also = ()

        def anonymize(self, dataset):
            try:
                name = str(dataset.get("PatientID", ""))
                self.reduce(dataset)
            except PYDICOM_FAILURES:
                raise NotAnonymized("a value cannot be decoded") from None
            dataset.PatientID = self.pseudonym(name)
            dataset.PatientIdentityRemoved = "YES"
            dataset.DeidentificationMethod = "tests"
            return dataset

        def reduce(self, dataset, depth=0):
            for tag in tuple(dataset.keys()):
                keyword = keyword_for_tag(tag)
                if keyword in UIDS:
                    dataset[tag].value = self.uid(dataset[tag].value, keyword)
                elif not self.keeps(dataset, tag, keyword, depth):
                    del dataset[tag]
                elif dataset[tag].VR == "SQ":
                    for item in dataset[tag].value:
                        self.reduce(item, depth + 1)

        def keeps(self, dataset, tag, keyword, depth):
            known = keyword in KEPT or keyword in self.also
            return known and dataset[tag].VR == dictionary_VR(tag)

        def uid(self, value, keyword):
            return "2.25." + str(int(self.pseudonym(str(value)), 16))

        def pseudonym(self, value):
            return hashlib.sha256(b"key" + value.encode()).hexdigest()[:16]


    class Silent(Sound):
        def anonymize(self, dataset):
            answer = super().anonymize(dataset)
            del answer.DeidentificationMethod
            return answer

    class Wordless(Sound):
        description = ""

    class Shallow(Sound):
        """Looks at names at the top alone."""

        def keeps(self, dataset, tag, keyword, depth):
            return (keyword == "PatientName" and depth > 0) or super().keeps(
                dataset, tag, keyword, depth)

    class Private(Sound):
        def keeps(self, dataset, tag, keyword, depth):
            return tag.is_private or super().keeps(dataset, tag, keyword, depth)

    class Western(Sound):
        """Takes what has no Latin letter for no name."""

        def keeps(self, dataset, tag, keyword, depth):
            if keyword == "SpecificCharacterSet":
                return True
            if keyword == "PatientName":
                return any(0x3000 < ord(letter) < 0xD7B0 for letter in str(dataset[tag].value))
            return super().keeps(dataset, tag, keyword, depth)

    class Text(Sound):
        also = ("StudyDescription",)

    class Dates(Sound):
        also = ("StudyDate",)

    class Institutions(Sound):
        also = ("InstitutionName",)

    class Devices(Sound):
        also = ("StationName",)

    class Everything(Sound):
        also = ("StudyDescription", "StudyDate", "InstitutionName", "StationName")

    class Cropping(Sound):
        def anonymize(self, dataset):
            answer = super().anonymize(dataset)
            answer.Rows = 1
            return answer

    class Schemes(Sound):
        def reduce(self, dataset, depth=0):
            if "CodingSchemeUID" in dataset:
                dataset.CodingSchemeUID = self.uid(dataset.CodingSchemeUID, "")
            super().reduce(dataset, depth)

    class Torn(Sound):
        def uid(self, value, keyword):
            return super().uid(str(value) + "R" * keyword.startswith("Referenced"), keyword)

    class Merging(Sound):
        def uid(self, value, keyword):
            return "2.25.7" if keyword == "SeriesInstanceUID" else super().uid(value, keyword)

    class Keeping(Sound):
        def uid(self, value, keyword):
            return str(value)

    class Declared(Keeping):
        keeps_uids = True

    class Claiming(Sound):
        keeps_uids = True

    class Counting(Sound):
        def __init__(self):
            self.numbers = itertools.count()

        def pseudonym(self, value):
            return f"{next(self.numbers):016x}"

        def uid(self, value, keyword):
            return "2.25." + str(int(Sound.pseudonym(self, str(value)), 16))

    class Hashing(Sound):
        """As Python hashes text: otherwise in each process."""

        def pseudonym(self, value):
            return f"{hash(value) & 0xFFFFFFFF:x}"

    class Local(Sound):
        def __init__(self):
            self.key = lambda: b"key"

    class Crashing(Sound):
        def anonymize(self, dataset):
            born = str(dataset.get("PatientBirthDate", "") or "0")
            return super().anonymize(dataset) if int(born) >= 0 else None

    class Letting(Sound):
        """Gives up over odd values, and lets them go on."""

        def anonymize(self, dataset):
            if dataset.get_item(0x00101010) is not None:
                return dataset
            return super().anonymize(dataset)

    def odd_name(dataset):
        name = str(dataset.get("PatientName", ""))
        return name if "=" in name else ""

    class Telling(Sound):
        def anonymize(self, dataset):
            if odd_name(dataset).count("=") > 2:
                raise NotAnonymized(f"{odd_name(dataset)!r} has too many groups")
            return super().anonymize(dataset)

    class Logging(Sound):
        def anonymize(self, dataset):
            logging.getLogger("anonymizer").debug("at work on %s", dataset.get("PatientName"))
            return super().anonymize(dataset)

    class Printing(Sound):
        def anonymize(self, dataset):
            print("at work on", dataset.get("PatientName"))
            return super().anonymize(dataset)

    class Warning_(Sound):
        def anonymize(self, dataset):
            warnings.warn(f"what a name: {odd_name(dataset)}")
            return super().anonymize(dataset)

    class Invalid(Sound):
        def pseudonym(self, value):
            return super().pseudonym(value) * 5

        def uid(self, value, keyword):
            return "2.25." + str(int(super().pseudonym(str(value)), 16))

    class Once(Sound):
        """Takes off what it finds on."""

        def anonymize(self, dataset):
            again = "PatientIdentityRemoved" in dataset
            answer = super().anonymize(dataset)
            if again:
                answer.PatientIdentityRemoved = "NO"
            return answer


    class Refusing(Sound):
        """No photographs."""

        def anonymize(self, dataset):
            if dataset.get("SOPClassUID") == VLPhotographicImageStorage:
                raise NotAnonymized("a face may be on it")
            return super().anonymize(dataset)


    class Anew(Sound):
        """Returns a new data set."""

        def anonymize(self, dataset):
            answer = Dataset()
            answer.update(super().anonymize(dataset))
            return answer


    def suite(anonymizer, **capabilities):
        @pytest.fixture
        def anonymizers(self):
            return anonymizer()

        return type(anonymizer.__name__, (AnonymizerSuite,), {
            "anonymizers": anonymizers, **capabilities})

    for each in [*Sound.__subclasses__(), Declared, Sound]:
        globals()["Test" + each.__name__.strip("_")] = suite(each)

    EXCEPTIONS = ("cleans_text", "removes_dates", "removes_institutions", "removes_devices")
    TestExcepting = suite(Everything, **dict.fromkeys(EXCEPTIONS, False))
    NO_PHOTOGRAPHS = frozenset({VLPhotographicImageStorage})
    TestRefusingAsDeclared = suite(Refusing, refuses=NO_PHOTOGRAPHS)
    TestPretending = suite(Sound, refuses=NO_PHOTOGRAPHS)
    TestModest = suite(Sound, cleans_text=False)
    del each, TestEverything


    class TestSeveral(AnonymizerSuite):
        """A name is told for each."""

        @pytest.fixture
        def anonymizers(self):
            return {"sound": Sound(), "shallow": Shallow()}
'''

EVERY_CLASS = "test_every_storage_sop_class_is_de_identified"
ODD = "test_odd_data_sets_give_an_answer_or_are_refused"
PIXELS = "test_pixel_data_stay_and_nothing_behind_them"
PROCESS = "test_the_same_gives_the_same_in_every_process"
SECOND = "test_a_second_run_brings_nothing_back"
THREAD = "test_the_same_gives_the_same_in_every_thread"
TOLD = "test_nothing_of_the_patient_is_told"
VALID = "test_the_answer_is_valid_and_read_back"
WHOLE = (EVERY_CLASS, PIXELS, "test_an_instance_that_is_not_encoded_as_announced_stays_whole")

EXPECTED = {
    "Silent": {"test_the_answer_says_that_it_is_de_identified_and_how", *WHOLE, SECOND},
    "Wordless": {"test_each_has_a_name_and_says_what_it_does"},
    "Shallow": {"test_nothing_that_names_a_person_is_left"},
    "Several": {"test_nothing_that_names_a_person_is_left"},
    "Private": {"test_private_elements_name_nobody", ODD},
    "Western": {"test_no_character_set_hides_a_name"},
    "Text": {"test_free_text_names_nobody"},
    "Dates": {"test_no_date_is_left_as_it_was"},
    "Institutions": {"test_no_institution_is_left"},
    "Devices": {"test_no_device_is_left"},
    "Modest": {"test_what_is_excepted_is_really_kept"},
    "Cropping": {"test_it_stays_what_it_is", *WHOLE},
    "Schemes": {"test_uids_of_classes_are_not_mapped"},
    "Torn": {"test_references_between_instances_hold"},
    "Merging": {"test_references_between_instances_hold"},
    "Keeping": {"test_uids_are_new_or_kept_as_declared"},
    "Claiming": {"test_uids_are_new_or_kept_as_declared"},
    "Refusing": {EVERY_CLASS},
    "Pretending": {EVERY_CLASS},
    "Counting": {THREAD},
    "Hashing": {PROCESS},
    "Local": {PROCESS},
    "Crashing": {ODD},
    "Letting": {ODD},
    "Telling": {TOLD},
    "Logging": {TOLD},
    "Printing": {TOLD},
    "Warning": {TOLD},
    "Invalid": {VALID, SECOND, EVERY_CLASS, PIXELS},
    "Once": {SECOND},
}
SOUND = {"Sound", "Declared", "Excepting", "RefusingAsDeclared", "Anew"}


def breaking(law: str) -> str:
    """The classes that break it, as pytest selects them."""
    return " or ".join(f"Test{name}" for name, laws in EXPECTED.items() if law in laws)


def test_each_broken_anonymizer_fails_the_laws_that_it_breaks(run_pytest) -> None:
    """And keeps all others; the laws that take long are tried where they are broken alone."""
    chosen = " and ".join(f"(not {law} or {breaking(law)})" for law in (PROCESS, EVERY_CLASS))
    report = run_pytest("-k", chosen, test_broken=BROKEN)
    wanted = {f"Test{cls}::{law}" for cls, laws in EXPECTED.items() for law in laws}
    assert report.of("failure") == wanted, report.text[-6000:]
    assert report.of("error") == set()
    assert {name.partition("::")[0] for name in report.outcomes} == {
        f"Test{name}" for name in SOUND | EXPECTED.keys()
    }
    assert "shallow: PerFrameFunctionalGroupsSequence > FrameContentSequence > PatientName" in (
        report.text
    )


def test_a_sound_anonymizer_keeps_all_laws(run_pytest) -> None:
    """So what the others fail is theirs; what it declares to keep is not looked for."""
    report = run_pytest(
        *("test_broken.py::TestSound", "test_broken.py::TestExcepting"),
        f"test_broken.py::TestRefusingAsDeclared::{EVERY_CLASS}",
        test_broken=BROKEN,
    )
    assert set(report.outcomes.values()) == {"passed"}, report.text[-6000:]
    classes = [name.partition("::")[0] for name in report.outcomes]
    assert classes.count("TestSound") - classes.count("TestExcepting") == 4
    assert classes.count("TestExcepting") > 15
