"""Anonymizers whose work is done by somebody's library, and what libraries leave to others.

They differ in which attributes they know. What the contract demands of all is done around them:
private and unknown elements go before, documents that cannot be read too; afterwards what still
names a person is emptied, and the answer says what was done.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import final

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_keyword, dictionary_VR
from pydicom.tag import BaseTag

from pacs_framework.anonymizers.anonymizer import Anonymizer
from pacs_framework.anonymizers.burned_in import BurnedIn
from pacs_framework.anonymizers.identity import Identity
from pacs_framework.errors import NotAnonymized, PacsError

__all__ = ["LibraryAnonymizer"]

# Signatures are void when anything was changed; what is encrypted or not valid holds old values.
_VOID = frozenset(
    (
        *("DigitalSignaturesSequence", "MACParametersSequence", "EncryptedAttributesSequence"),
        *("NonconformingModifiedAttributesSequence", "ReferencedDigitalSignatureSequence"),
    )
)
_DOCUMENTS = frozenset(("EncapsulatedDocument", "HPGLDocument"))
_NO_DOCUMENT = b"\0\0"
_FIRST_YEAR = 1010  # years of fewer digits cannot be written by strftime; shifting goes back two


@dataclass(frozen=True, kw_only=True)
class LibraryAnonymizer(Anonymizer):
    """The base of anonymizers that call a library: say which one, and implement `run`.

    ``key`` is the secret that pseudonyms are made with; None refuses every instance, saying
    ``no_key``. Pixels are not looked at: ``burned_in`` says which instances are refused.
    """

    description: str = ""
    key: bytes | None = field(default=None, repr=False)
    no_key: str = "there is no key"
    burned_in: BurnedIn = BurnedIn.REFUSE_YES

    @abstractmethod
    def run(self, dataset: Dataset, key: bytes) -> str:
        """Let the library de-identify ``dataset`` in its place.

        It has no private elements, and no dates but whole ones. Returns what De-identification
        Method (0012,0063) shall say, at most 64 characters.
        """

    @final
    def anonymize(self, dataset: Dataset) -> Dataset:
        """See `Anonymizer.anonymize`. Whatever the library raises, the values are not told."""
        if not self.key:
            raise NotAnonymized(self.no_key)
        try:
            self.burned_in.check(dataset)
            _clear_away(dataset)
            identity = Identity(dataset)
            method = self.run(dataset, self.key)
            identity.blank_in(dataset)
            _tell(dataset, method)
        except PacsError:
            raise
        except (Exception, SystemExit) as error:
            raise NotAnonymized(f"{_where(error)}: {type(error).__name__}") from error
        return dataset


def _where(error: BaseException) -> str:
    """The module that failed, which tells library and archive apart."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__", "?") if trace is not None else "?"
    return f"{module} failed"


def _clear_away(dataset: Dataset) -> None:
    """Remove or empty what no library can judge, at every depth."""
    for tag in sorted(dataset.keys()):
        vr = _known_vr(tag)
        if not vr:
            del dataset[tag]  # before its value is decoded, which may fail
            continue
        element = dataset[tag]
        if (element.VR == "SQ") != (vr == "SQ"):
            del dataset[tag]
        elif element.VR == "SQ":
            for item in element.value:
                _clear_away(item)
        elif element.keyword in _DOCUMENTS:
            element.value = _NO_DOCUMENT
        elif not element.is_empty and not _is_whole(element):
            element.clear()


@lru_cache(maxsize=8192)
def _known_vr(tag: BaseTag) -> str:
    """The VR that the standard gives an attribute; empty for one that has to go.

    Those are private, unknown or void; and group lengths, which count bytes that will be others.
    """
    if tag.is_private or tag.element == 0:
        return ""
    try:
        return "" if dictionary_keyword(tag) in _VOID else dictionary_VR(tag)
    except KeyError:
        return ""


_day = re.compile(r"\d{4}(\.?)\d\d\1\d\d", re.ASCII).match
_time = re.compile(r"(\d\d)(:?[0-5]\d(:?[0-6]\d(\.\d{1,6})?)?)?", re.ASCII).fullmatch
_rest_of_moment = re.compile(r"(\d\d(\d\d(\d\d(\.\d{1,6})?)?)?([+-]\d{4})?)?", re.ASCII).fullmatch


def _is_whole(element: DataElement) -> bool:
    """Whether each date or time of an element is one that can be moved; others are no such thing.

    A moment is whole with its day, and has an hour if it has a zone.
    """
    if element.VR not in ("DA", "DT", "TM"):
        return True
    values = element.value if element.VM > 1 else [element.value]
    whole = {"DA": _is_day, "DT": _is_moment, "TM": _is_time}[element.VR]
    return all(whole(str(value)) for value in values)


def _is_day(text: str) -> bool:
    """Of eight digits, or with the dots of ACR-NEMA."""
    found = _day(text)
    return found is not None and found.end() == len(text) and _exists(text.replace(".", ""))


def _is_moment(text: str) -> bool:
    rest = _rest_of_moment(text[8:])
    return rest is not None and text[:8].isdecimal() and _exists(text[:8], (rest[0] or "00")[:2])


def _is_time(text: str) -> bool:
    found = _time(text)
    return found is not None and int(found[1]) < 24


def _exists(day: str, hour: str = "00") -> bool:
    try:
        found = datetime(int(day[:4]), int(day[4:6]), int(day[6:]), int(hour), tzinfo=UTC)
    except ValueError:
        return False
    return found.year >= _FIRST_YEAR


def _tell(dataset: Dataset, method: str) -> None:
    """Say that it is de-identified, and how, behind what was said before (PS3.15 E.1.1)."""
    dataset.PatientIdentityRemoved = "YES"
    said = dataset.get("DeidentificationMethod") or []
    methods = [said] if isinstance(said, str) else list(said)
    dataset.DeidentificationMethod = list(dict.fromkeys(chain(methods, [method])))
