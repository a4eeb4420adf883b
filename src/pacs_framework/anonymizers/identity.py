"""The persons that a data set names, looked for in what became of it.

Whoever knows which attributes hold names can remove them from there. A name in a description, or in
an attribute that was forgotten, is found by its value: the data set itself tells what to look for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_keyword, dictionary_VR
from pydicom.tag import BaseTag

__all__ = ["Identity", "elements_of", "names_a_person"]

# Values that are looked for in every text, as those of PN are.
_SEARCHED = re.compile(
    r"PatientIDs?$|AccessionNumber|OrderNumber|^AdmissionID$|^ServiceEpisodeID$|RecordLocator"
    r"|^InsurancePlanIdentification|Address|Telephone|PhoneNumber|Telecom|ClinicalTrialSubject.*ID$"
    r"|^PatientBirthDate$"
).search
# Values that are common words or short numbers, which say something in their attributes alone.
_COMPARED = re.compile(
    r"^IssuerOf(Patient|Admission|ServiceEpisode)ID|Residence$|ReligiousPreference|^Occupation$"
    r"|^BranchOfService$|^MilitaryRank$|^EthnicGroup|^StudyID$|ProcedureStepID$"
    r"|^RequestedProcedureID$|^Patient(Birth|Death)|^(CurrentPatient|Assigned)Location$"
).search

_TEXT = frozenset(("AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"))
_VALUES = _TEXT | {"DA", "DT", "TM"}
# What an image cannot do without, and what says that this was done. A patient may be called so.
_LEFT_ALONE = frozenset(
    (
        *("SpecificCharacterSet", "Modality", "ImageType", "PhotometricInterpretation"),
        *("PatientIdentityRemoved", "DeidentificationMethod"),
    )
)
_SHORTEST = 3
"""Letters of a Latin word that is looked for: initials are in every text."""
_LONG = 5
"""Letters of a Latin word that is found inside of others too, as in JaneDoe1970."""

_parts_of_name = re.compile(r"[\^=\s,.;\\/]+").split
_tokens_of = re.compile(r"[\W_]+").split


class Identity:
    """What names the patient and other persons in a data set. Values are decoded to see that."""

    def __init__(self, dataset: Dataset) -> None:
        self._values: defaultdict[BaseTag, set[str]] = defaultdict(set)
        words: set[str] = set()
        for element in elements_of(dataset):
            how = _how(element.tag)
            if not how or element.VR == "SQ":
                continue
            self._values[element.tag].update(_values(element))
            if how == _SEARCH:
                words.update(_words(element))
        words = {word for word in words if len(word) >= _SHORTEST or not word.isascii()}
        self._tokens = frozenset(word for word in words if word.isascii() and len(word) < _LONG)
        self._words = frozenset(words - self._tokens)

    def is_named_by(self, element: DataElement) -> bool:
        """Whether an element still has a value that names somebody, or a text that does."""
        if element.VR == "SQ" or element.is_empty or element.keyword in _LEFT_ALONE:
            return False
        known = self._values.get(element.tag, ())
        if any(value in known for value in _values(element)):
            return True
        return element.VR in _TEXT and self._stand_in(_values(element))

    def blank_in(self, answer: Dataset) -> None:
        """Empty the elements of ``answer`` that still name somebody."""
        for element in elements_of(answer):
            if self.is_named_by(element):
                element.clear()

    def _stand_in(self, texts: Iterable[str]) -> bool:
        for text in texts:
            if any(word in text for word in self._words):
                return True
            if self._tokens and not self._tokens.isdisjoint(_tokens_of(text)):
                return True
        return False


def elements_of(dataset: Dataset) -> Iterator[DataElement]:
    """Every element, at every depth. Raises what pydicom raises for values it cannot decode."""
    for tag in sorted(dataset.keys()):
        element = dataset[tag]
        yield element
        if element.VR == "SQ":
            for item in element.value:
                yield from elements_of(item)


def names_a_person(tag: int) -> bool:
    """Whether the values of an attribute tell who somebody is: names, numbers, addresses."""
    return bool(_how(tag))


_COMPARE, _SEARCH = 1, 2


@lru_cache(maxsize=8192)
def _how(tag: int) -> int:
    """How values of an attribute are looked for, by what it is in the standard; 0: not at all."""
    try:
        vr, keyword = dictionary_VR(tag), dictionary_keyword(tag)
    except KeyError:
        return 0
    if vr == "PN" or (vr in _VALUES and _SEARCHED(keyword) and not keyword.startswith("Issuer")):
        return _SEARCH
    return _COMPARE if vr in _VALUES and _COMPARED(keyword) else 0


def _values(element: DataElement) -> list[str]:
    """As texts to compare, whatever VR they came in; each group of a name is one (PS3.5 6.2.1)."""
    if element.is_empty:
        return []
    several = element.value if element.VM > 1 else [element.value]
    texts = (str(value).casefold() for value in several)
    groups = (group.strip(" ^\0") for text in texts for group in text.split("="))
    return [group for group in groups if group]


def _words(element: DataElement) -> Iterator[str]:
    """What of an element is looked for in texts: the parts of a name, other values as a whole."""
    for value in _values(element):
        if element.VR == "PN":
            yield from _parts_of_name(value)
        else:
            yield value
