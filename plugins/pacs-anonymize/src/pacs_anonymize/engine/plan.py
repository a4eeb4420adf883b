"""The plan: for each tag, what a profile does with it, found once and then looked up.

What the table does not know is decided by its VR (PS3.15 E.1.1, notes 1 and 4): dates as other
dates, names of persons and addresses replaced, UIDs replaced unless they name a class, long texts
cleaned. The rest stays and is looked through. What is in no dictionary is removed: nobody can say
what it means.

An action of several codes (X/Z/D) depends on the type that the attribute has in its IOD, so there
is a plan for each SOP class, and one for each sequence that holds such attributes. Where the type
is not known, the code for the most demanding type is taken (D of X/Z/D): a value is allowed
wherever none is demanded, and nothing that identifies is in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial

from pydicom import DataElement
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.tag import BaseTag

from pacs_anonymize.engine import treatments
from pacs_anonymize.engine.actions import (
    BINARY,
    BYTES,
    DATES,
    KEEPING,
    KNOWN_VRS,
    LONG_TEXTS,
    NUMERIC,
    SHORT_TEXTS,
    TEXTS,
    cleaning_by_vr,
    cleaning_in,
    keeping,
    names_a_class,
    resolved,
    source_of,
    treatment_of,
)
from pacs_anonymize.engine.content_trees import CONTENT_ITEMS, clean_content
from pacs_anonymize.engine.identity import Source
from pacs_anonymize.engine.iod_types import Types, types_below, types_in_class
from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.profile import Action, ByPrivate, ByTag, ByVR, Profile, Rule
from pacs_anonymize.engine.table import Row, confidentiality_table
from pacs_anonymize.engine.treatments import Treatment
from pacs_anonymize.engine.work import Element, Level
from pacs_framework.errors import NotAnonymized

__all__ = ["Plan", "Plans", "Step"]

_OVERLAYS, _CURVES = 0x6000, 0x5000

# Replaced where it stands alone, cleaned with the graphics that it belongs to (PS3.15 E.3.3).
_ANNOTATION_TEXT = 0x00700006
_UNKNOWN = "not in the dictionary of attributes"
_BY_VR = "not in Table E.1-1, by its VR"
_GROUP_LENGTH = "group length"
_ADDED = "beyond Table E.1-1"


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one attribute.

    ``rule`` says so in reports. ``vrs`` are those that it may have, ``vr`` is the one to write
    where the data set has none. ``source`` tells whether its value identifies, ``otherwise`` what
    happens when it cannot be cleaned.
    """

    treat: Treatment
    rule: str
    vr: str
    vrs: frozenset[str]
    name: str = ""
    source: Source = Source.NOTHING
    otherwise: Treatment = treatments.remove


class Plan(dict[int, Step]):
    """Tag → step, for data sets in one place; a step is found when it is first needed.

    ``cleaning`` says that text of any kind is cleaned here: the place is inside a sequence that is.
    """

    def __init__(self, plans: Plans, types: Types | None, *, cleaning: bool) -> None:
        super().__init__()
        self.cleaning = cleaning
        self._plans = plans
        self._types = types

    def __missing__(self, tag: int) -> Step:
        step = self._step(tag)
        if step.rule != _UNKNOWN:  # anybody can send any number of these
            self[tag] = step
        return step

    def _step(self, tag: int) -> Step:
        plain = self._plain_step(tag)
        rules = self._plans.rules_for(tag)
        return self._plans.ruled(rules, plain) if rules else plain

    def _plain_step(self, tag: int) -> Step:
        """Without the rules of the site."""
        fixed = _fixed_step(tag)
        if fixed is not None:
            return fixed
        vr = _dictionary_vr(tag)
        row = confidentiality_table().row(tag)
        if row is not None and not (self.cleaning and tag == _ANNOTATION_TEXT):
            return self._plans.step_of_row(row, tag, vr or "UN", self._types)
        if vr is None:
            return Step(treatments.remove, _UNKNOWN, "UN", frozenset(("UN",)))
        option = Option.CLEAN_STRUCTURED_CONTENT
        if tag in CONTENT_ITEMS and option in self._plans.profile.options:
            return Step(clean_content, f"C: {option}", vr, frozenset((vr,)))
        return self._plans.step_by_vr(vr, keyword_for_tag(tag), cleaning=self.cleaning, tag=tag)

    def against(self, step: Step, vr: str) -> Step:
        """What happens to an attribute whose VR in the data set is not that of the dictionary."""
        return self._plans.against(step, vr, cleaning=self.cleaning)


class Plans:
    """All plans of one profile."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._of_class: dict[str, Plan] = {}
        self._below: dict[tuple[int, bool], Plan] = {}
        self._unknown = Plan(self, None, cleaning=False)
        self._elsewhere = {flag: Plan(self, None, cleaning=flag) for flag in (False, True)}

    def of_class(self, sop_class: str) -> Plan:
        """The plan for the top level of the instances of a SOP class."""
        plan = self._of_class.get(sop_class)
        if plan is None:
            types = types_in_class(sop_class)
            if types is None:
                return self._unknown
            plan = self._of_class[sop_class] = Plan(self, types, cleaning=False)
        return plan

    def below(self, sequence: int, *, cleaning: bool) -> Plan:
        """The plan for the items of a sequence."""
        plan = self._below.get((sequence, cleaning))
        if plan is None:
            types = types_below(sequence)
            if types is None:
                return self._elsewhere[cleaning]
            plan = self._below[sequence, cleaning] = Plan(self, types, cleaning=cleaning)
        return plan

    # --- the table --------------------------------------------------------------------------------

    def step_of_row(self, row: Row, tag: int, vr: str, types: Types | None) -> Step:
        """What the profile's options, or else the Basic Profile, say of an attribute."""
        basic = resolved(row.basic, types.get(tag, 0) if types is not None else None)
        asked = {row.options[option]: option for option in self._options() if option in row.options}
        step = partial(Step, vr=_written(vr), vrs=_vrs_of(vr), name=row.keyword)
        plainly = treatment_of(basic, tag, vr)
        if basic is Action.X and "U" in row.basic:
            plainly = treatments.remove_references
        if "C" in asked:
            # Before K: what one option keeps and another one cleans (dates of calibration) would
            # give away by how much the cleaned ones were moved.
            option = asked["C"]
            return step(cleaning_in(option, vr), f"C: {option}", otherwise=plainly)
        if "K" in asked:
            return step(keeping(vr), f"K: {asked['K']}", otherwise=plainly)
        return step(plainly, f"{basic}: Basic Profile", source=source_of(row, tag, vr))

    def _options(self) -> Iterable[Option]:
        return (option for option in Option if option in self.profile.options)

    # --- attributes that the table does not know --------------------------------------------------

    def step_by_vr(self, vr: str, keyword: str, *, cleaning: bool, tag: int = 0) -> Step:
        """What happens to an attribute that has no row."""
        step = partial(Step, rule=_BY_VR, vr=_written(vr), vrs=_vrs_of(vr), name=keyword)
        if cleaning and tag in _CODED:
            return step(treat=_CODED[tag])
        if vr in DATES:
            return step(treat=self._date_treatment(), otherwise=treatments.replace)
        if vr == "UI":
            return step(treat=self._uid_treatment(keyword))
        if vr in ("AE", "PN", "UR"):
            source = Source.PERSON if vr == "PN" else Source.NOTHING
            treat = treatments.keep_text if keyword in _KEPT_ADDRESSES else treatments.replace
            return step(treat=treat, source=source)
        if vr in LONG_TEXTS or (cleaning and vr in SHORT_TEXTS):
            return step(treat=treatments.clean, otherwise=treatments.replace)
        return step(treat=keeping(vr))

    def _date_treatment(self) -> Treatment:
        options = self.profile.options
        if Option.RETAIN_LONGITUDINAL_FULL_DATES in options:
            return treatments.keep_date
        if Option.RETAIN_LONGITUDINAL_MODIFIED_DATES in options:
            return treatments.modify_date
        return treatments.replace

    def _uid_treatment(self, keyword: str) -> Treatment:
        kept = Option.RETAIN_UIDS in self.profile.options or names_a_class(keyword)
        return treatments.keep_uid if kept else treatments.remap

    def against(self, step: Step, vr: str, *, cleaning: bool) -> Step:
        """A step for a VR in the data set that the attribute cannot have.

        Where the step keeps the value, the other VR decides: a name in what should be a number is
        a name. A sequence that should be none, or none that should be one, is removed.
        """
        if vr == "SQ" or step.vr == "SQ" or vr not in KNOWN_VRS:
            return Step(treatments.remove, f"{step.rule}, against its VR", step.vr, step.vrs)
        if step.treat not in KEEPING:
            return step
        if step.vrs & NUMERIC and vr in TEXTS:
            return Step(treatments.keep_number, step.rule, step.vr, step.vrs)
        return self.step_by_vr(vr, step.name, cleaning=cleaning)

    # --- the rules of the site --------------------------------------------------------------------

    def rules_for(self, tag: int) -> tuple[tuple[int, Rule], ...]:
        """The rules that a standard attribute may fall under, in order, with their places."""
        return tuple(
            (place, rule)
            for place, rule in enumerate(self.profile.rules)
            if isinstance(rule.attributes, ByVR)
            or (isinstance(rule.attributes, ByTag) and rule.attributes.holds(tag))
        )

    def ruled(self, rules: tuple[tuple[int, Rule], ...], plain: Step) -> Step:
        """A step that asks the rules first."""
        vr = plain.vr
        made = tuple((place, rule, self._rule_step(rule, plain)) for place, rule in rules)

        def treat(level: Level, tag: BaseTag, element: Element, _step: Step) -> None:
            actual = str(element.VR or vr)
            holding = level.work.holding
            found = (s for place, rule, s in made if place in holding and _is_for(rule, actual))
            step = next(found, plain)
            step.treat(level, tag, element, step)

        return Step(treat, plain.rule, vr, plain.vrs, plain.name, plain.source)

    def _rule_step(self, rule: Rule, plain: Step) -> Step:
        return self._step_for(rule, plain.vr, plain.vrs, plain.name, plain.source)

    def _step_for(
        self, rule: Rule, vr: str, vrs: frozenset[str], name: str, source: Source
    ) -> Step:
        treat: Treatment
        otherwise: Treatment = treatments.replace
        if rule.value is not None:
            treat = partial(_put_value, rule)
        elif rule.action is Action.K:
            treat = treatments.descend if vr == "SQ" else treatments.keep
        elif rule.action is Action.C:
            treat = cleaning_by_vr(vr)
        else:
            treat = treatment_of(rule.action, 0, vr)
        if rule.action in (Action.K, Action.C):
            source = Source.NOTHING
        return Step(treat, f"{rule.action}: {rule.name}", vr, vrs, name, source, otherwise)

    def private_rule(self, holding: frozenset[int], tag: int, creator: str, vr: str) -> Rule | None:
        """The first rule that a private attribute falls under."""
        for place, rule in enumerate(self.profile.rules):
            if place in holding and _means_private(rule, tag, creator, vr):
                return rule
        return None

    def step_of(self, rule: Rule, vr: str) -> Step:
        """What a rule does to an attribute that has no name."""
        return self._step_for(rule, vr, frozenset((vr,)), rule.name, Source.NOTHING)

    def private_step(self, vr: str) -> Step:
        """What happens to a private attribute that is known to be safe."""
        return self.step_by_vr(vr, "", cleaning=False)


# In coded entries of what is cleaned; the version of a scheme is a number or a date in text.
_CODED: dict[int, Treatment] = {
    0x00080100: treatments.clean_code,
    0x00080102: treatments.clean_scheme,
    0x00080103: treatments.keep_text,
    0x00080119: treatments.clean_code,
}
# A URN names a concept; other addresses lead to where the instance came from.
_KEPT_ADDRESSES = frozenset(("URNCodeValue",))


def _is_for(rule: Rule, vr: str) -> bool:
    """Whether a rule that means an attribute also means it with this VR."""
    return not isinstance(rule.attributes, ByVR) or rule.attributes.vr == vr


def _means_private(rule: Rule, tag: int, creator: str, vr: str) -> bool:
    match rule.attributes:
        case ByPrivate() as selector:
            return selector.holds(creator, tag)
        case ByTag() as selector:
            return selector.holds(tag)
        case ByVR(wanted):
            return wanted == vr


def _put_value(rule: Rule, level: Level, tag: BaseTag, element: Element, step: Step) -> None:
    """The value that a rule gives; numbers are written as the VR demands."""
    if step.source:
        level.gather(element, step.source)
    vr = treatments.vr_of(element, step)
    try:
        level.dataset[tag] = DataElement(tag, vr, _converted(vr, rule.value or ""))
    except (TypeError, ValueError) as error:
        raise NotAnonymized(
            f"rule {rule.name!r} puts a value into {tag} that a {vr} cannot have: mend the rule"
        ) from error
    level.tell(tag, element, Action.D, step.rule, rule.value)


def _converted(vr: str, value: str) -> object:
    if vr in ("FD", "FL"):
        return float(value)
    if vr in ("SL", "SS", "SV", "UL", "US", "UV"):
        return int(value)
    if vr in BINARY | BYTES | {"SQ"}:
        raise ValueError(f"no value of {vr} can be given as text")
    return value


# --- tags -----------------------------------------------------------------------------------------


def _fixed_step(tag: int) -> Step | None:
    """Whole groups that are the same in every profile, and what the engine writes itself."""
    group, element = tag >> 16, tag & 0xFFFF
    un = frozenset(("UN",))
    if element == 0:
        return Step(treatments.remove, _GROUP_LENGTH, "UL", frozenset(("UL",)))
    if group & 0xFF00 in (_OVERLAYS, _CURVES) and group & 1 == 0:
        # With the data of an overlay, all that describes it goes (PS3.3 C.9.2).
        return Step(treatments.remove, "X: Basic Profile, whole group", "UN", un)
    return _FIXED.get(tag)


def _stated(vr: str, inside: Treatment) -> Step:
    """An attribute that `statement` writes at the top; in an item, it is one like others."""
    return Step(treatments.keep_at_top, _BY_VR, vr, frozenset((vr,)), otherwise=inside)


_FIXED = {
    0x00120062: _stated("CS", treatments.keep_code),
    0x00120063: _stated("LO", treatments.remove),
    0x00120064: _stated("SQ", treatments.clean_items),
    0x00280303: _stated("CS", treatments.keep_code),
    # The description of private elements is written anew where any stay.
    0x00080300: _stated("SQ", treatments.remove),
    # Who encrypted the original attributes, and for whom, is not known here.
    0x04000500: Step(treatments.remove, _ADDED, "SQ", frozenset(("SQ",))),
}


@lru_cache(maxsize=8192)
def _dictionary_vr(tag: int) -> str | None:
    """The VR of PS3.6, of several the words that it uses (``US or SS``); None for no attribute."""
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return None


def _vrs_of(vr: str) -> frozenset[str]:
    return frozenset(vr.split(" or "))


def _written(vr: str) -> str:
    """One VR of those that an attribute may have: the last, which is the widest."""
    return vr.rpartition(" or ")[2]
