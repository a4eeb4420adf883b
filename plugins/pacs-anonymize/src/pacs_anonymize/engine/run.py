"""One instance de-identified: the walk, then what had to wait until all of it was seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from pydicom import Dataset
from pydicom.tag import BaseTag, Tag

from pacs_anonymize.engine.changes import Change
from pacs_anonymize.engine.dummies import REMOVED, dummy_value
from pacs_anonymize.engine.identity import Marks, Search
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.patients import Assigned, PatientTable, Unknown
from pacs_anonymize.engine.plan import Plans, Step
from pacs_anonymize.engine.private import declared_safe, safe_characteristics
from pacs_anonymize.engine.profile import Action, Rule
from pacs_anonymize.engine.pseudonyms import Pseudonyms
from pacs_anonymize.engine.statement import state, what_was_done_to_dates
from pacs_anonymize.engine.treatments import code_of_patient
from pacs_anonymize.engine.walk import walk
from pacs_anonymize.engine.words import cleaned
from pacs_anonymize.engine.work import Element, Level, Work
from pacs_framework.errors import NotAnonymized

__all__ = ["Run"]

Kept = tuple[Level, BaseTag, Element]

_PATIENT_ID = Tag("PatientID")
_ISSUER = Tag("IssuerOfPatientID")
_STUDY_UID = Tag("StudyInstanceUID")
_SOP_CLASS = Tag("SOPClassUID")
_CHARACTERISTICS = Tag("PrivateDataElementCharacteristicsSequence")

_UNMODIFIED = "UNMODIFIED"
_FOUND = "identifying value, found again"
_NO_NUMBER = "no number"

_are_numbers = re.compile(rb"[0-9+\-.,eE\\ \0]*").fullmatch


class Run:
    """De-identifies one instance by plans; used once."""

    def __init__(
        self,
        plans: Plans,
        pseudonyms: Pseudonyms,
        report: Callable[[Change], None] | None,
        patients: PatientTable | None = None,
    ) -> None:
        self._plans = plans
        self._profile = plans.profile
        self._pseudonyms = pseudonyms
        self._report = report
        self._patients = patients

    def anonymize(self, dataset: Dataset) -> Dataset:
        """The data set, changed in place."""
        work = Work(self._plans, self._pseudonyms, self._report, dataset)
        sop_class = _text_of(dataset, _SOP_CLASS)
        top = Level(work, dataset, self._plans.of_class(sop_class))
        rules = enumerate(self._profile.rules)
        work.holding = frozenset(place for place, rule in rules if _holds(rule, dataset))
        self._know_patient(work, top)
        self._know_private(work, top)
        walk(top)
        self._clean(work)
        if _PATIENT_ID not in dataset:
            top.put(_PATIENT_ID, "LO", work.patient.encode())
        state(top, self._profile)
        return dataset

    def _know_patient(self, work: Work, top: Level) -> None:
        """The pseudonym of the patient, and by how many days the dates move.

        An instance whose patient has an own pseudonym has been here before: its dates have moved,
        unless it says that they have not. Without a Patient ID, the study tells patients apart.
        """
        identifier, issuer = _value(top, _PATIENT_ID), _value(top, _ISSUER)
        assigned = self._assigned(top.dataset, identifier, issuer)
        if not identifier:
            identifier, issuer = f"study {_text_of(top.dataset, _STUDY_UID)}", ""
        if assigned is None:
            work.patient = work.patient_name = code_of_patient(top, identifier, issuer)
        else:
            work.patient = assigned.pseudonym
            work.patient_name = assigned.name or assigned.pseudonym
        was_here = identifier == work.patient
        if not was_here or what_was_done_to_dates(top.dataset) == _UNMODIFIED:
            days = None if assigned is None else assigned.days
            work.days = self._pseudonyms.shift(work.patient) if days is None else days

    def _assigned(self, dataset: Dataset, identifier: str, issuer: str) -> Assigned | None:
        """What the site calls this patient, where it has a table.

        A patient who is called so already has been through it, and says so. Raises `NotAnonymized`
        for one who is not in it, unless the key may do.
        """
        table = self._patients
        if table is None:
            return None
        found = table.find(issuer, identifier) if identifier else None
        if found is None and dataset.get("PatientIdentityRemoved") == "YES":
            found = table.named(identifier)
        if found is None and table.unknown is Unknown.REFUSE:
            raise NotAnonymized(
                "its patient is not in the table of pseudonyms: add a row for the Patient ID "
                "and its issuer, or let the key name who is not there"
            )
        return found

    def _know_private(self, work: Work, top: Level) -> None:
        if _CHARACTERISTICS not in top.dataset:
            return
        if Option.RETAIN_SAFE_PRIVATE in self._profile.options:
            work.safe_blocks = declared_safe(top.dataset)
            described = safe_characteristics(top.dataset[_CHARACTERISTICS].value)
            if described:
                top.put_items(_CHARACTERISTICS, described)
                return
        top.drop(_CHARACTERISTICS)

    # --- what waited ------------------------------------------------------------------------------

    def _clean(self, work: Work) -> None:
        """Clean texts, and look through all that stays for what identifies."""
        marks = work.identity.marks()
        for level, tag, element, step in work.cleanings:
            _clean_text(level, tag, element, step, marks)
        _sweep(work.texts, marks.in_text, marks)
        _sweep(work.codes, marks.in_codes, marks)
        numbers = [level.value(element) for level, _, element in work.numbers]
        if not _are_numbers(b"\0".join(numbers)):
            _sweep_numbers(work.numbers)


def _holds(rule: Rule, dataset: Dataset) -> bool:
    try:
        return rule.when is None or bool(rule.when(dataset))
    except Exception as error:  # noqa: BLE001 - whatever a condition does, nothing goes on
        # Not its message: that may quote a value.
        raise NotAnonymized(
            f"the condition of rule {rule.name!r} failed: {type(error).__name__}"
        ) from None


def _value(level: Level, tag: BaseTag) -> str:
    element = level.dataset.get_item(tag)
    return level.texts(element, "LO")[0] if element is not None else ""


def _text_of(dataset: Dataset, tag: BaseTag) -> str:
    """A UID as text, without decoding its element."""
    element = dataset.get_item(tag)
    if element is None or not element.value:
        return ""
    value = element.value
    return (value.decode("latin-1") if isinstance(value, bytes) else str(value)).strip(" \0")


def _clean_text(level: Level, tag: BaseTag, element: Element, step: Step, marks: Marks) -> None:
    """Put the words that may stay, or do what the profile does to what cannot be cleaned."""
    if not level.bare(element):
        return
    vr = str(element.VR or step.vr)
    values = level.texts(element, vr)
    after = "\\".join(_but_removed(value, marks) for value in values)
    if not after.strip("\\"):
        step.otherwise(level, tag, element, step)
    elif after.encode() != level.bare(element):
        level.put(tag, step.vr if vr == "UN" else vr, after.encode())
        level.tell(tag, element, Action.C, step.rule, after)


def _but_removed(value: str, marks: Marks) -> str:
    """Cleaned text; the dummy of an earlier run is no text."""
    return value if value == REMOVED else cleaned(value, marks.banned)


def _sweep(kept: Iterable[Kept], search: Search, marks: Marks) -> None:
    """Clean what holds an identifying value. As a rule nothing does: one search tells."""
    values = [(each, each[0].value(each[2])) for each in kept]
    if not search.finds(b"\0".join([value for _, value in values])):
        return
    for (level, tag, element), value in values:
        if search.finds(value):
            _clean_kept(level, tag, element, search, marks)


def _clean_kept(level: Level, tag: BaseTag, element: Element, search: Search, marks: Marks) -> None:
    vr = str(element.VR or level.dataset[tag].VR)
    dummy = dummy_value(tag, vr)
    if vr in ("OB", "UN") or dummy is None:
        level.drop(tag)
        level.tell(tag, element, Action.X, _FOUND, None)
        return
    if vr in ("AS", "DA", "DT", "TM", "UR"):
        after = dummy
    else:
        values = level.value(element).split(b"\\")
        texts = level.texts(element, "LO")
        after = b"\\".join(
            (cleaned(text, marks.banned) or REMOVED).encode() if search.finds(value) else value
            for value, text in zip(values, texts, strict=False)
        )
        if search.finds(after):  # the value went over a backslash
            after = dummy
    level.put(tag, vr, after)
    level.tell(tag, element, Action.D, _FOUND, "cleaned")


def _sweep_numbers(kept: Iterable[Kept]) -> None:
    """Take out what a DS or IS cannot be (PS3.15 E.3.5, note 3)."""
    for level, tag, element in kept:
        if not _are_numbers(level.value(element)):
            level.drop(tag)
            level.tell(tag, element, Action.X, _NO_NUMBER, None)
