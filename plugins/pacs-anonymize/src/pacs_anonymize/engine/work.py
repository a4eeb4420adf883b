"""One instance on its way: what is known of it, and what waits until all of it was seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from pydicom import DataElement, Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from pacs_anonymize.engine.changes import Change
from pacs_anonymize.engine.identity import Identity, Source
from pacs_anonymize.engine.profile import Action
from pacs_anonymize.engine.pseudonyms import Pseudonyms
from pacs_framework.dicom.charset import decode_text, python_encodings

if TYPE_CHECKING:
    from pacs_anonymize.engine.plan import Plan, Plans, Step

__all__ = ["Element", "Level", "Work", "keyword_of"]

Element: TypeAlias = DataElement | RawDataElement

_CHARACTER_SET = 0x00080005
_PADDED_BY_ZERO = frozenset(("OB", "OW", "UI", "UN"))
_ONE_VALUE = frozenset(("LT", "ST", "UT", "UR"))
"""VRs in which a backslash is a letter like others (PS3.5 6.2)."""


class Work:
    """What belongs to one instance while it is de-identified."""

    __slots__ = (
        "by_position", "cleanings", "codes", "days", "holding", "identity", "numbers", "patient",
        "patient_name", "plans", "pseudonyms", "report", "safe_blocks", "texts", "top",
    )  # fmt: skip

    def __init__(
        self,
        plans: Plans,
        pseudonyms: Pseudonyms,
        report: Callable[[Change], None] | None,
        top: Dataset,
    ) -> None:
        self.plans = plans
        self.pseudonyms = pseudonyms
        self.report = report
        self.top = top
        self.identity = Identity()
        self.texts: list[tuple[Level, BaseTag, Element]] = []
        """Free text that stays, and bytes that may be text."""
        self.codes: list[tuple[Level, BaseTag, Element]] = []
        self.numbers: list[tuple[Level, BaseTag, Element]] = []
        self.cleanings: list[tuple[Level, BaseTag, Element, Step]] = []
        self.holding: frozenset[int] = frozenset()
        """The rules whose condition this instance fulfils, by their place in the profile."""
        self.patient = ""
        """The pseudonym of the patient."""
        self.patient_name = ""
        """What the patient is called instead: the pseudonym, unless a table has a name."""
        self.days = 0
        self.by_position: bool | None = None
        """Whether its content items refer to each other by their positions; None: not looked."""
        self.safe_blocks: dict[tuple[int, str], frozenset[int] | None] = {}
        """Private blocks that the instance itself declares safe: their elements, None for all."""


class Level:
    """One data set: the instance, or an item in it."""

    __slots__ = ("_encodings", "above", "dataset", "implicit", "little", "path", "plan", "work")

    def __init__(
        self, work: Work, dataset: Dataset, plan: Plan, above: Level | None = None, path: str = ""
    ) -> None:
        self.work = work
        self.dataset = dataset
        self.plan = plan
        self.above = above
        self.path = path
        implicit, little = dataset.original_encoding
        self.implicit = bool(implicit)
        self.little = little is not False
        self._encodings: tuple[str, ...] | None = None

    @property
    def encodings(self) -> tuple[str, ...]:
        """Python's codecs for the text here; items inherit theirs (PS3.5 7.5.3)."""
        if self._encodings is None:
            element = self.dataset.get_item(_CHARACTER_SET)
            declared = b"" if element is None else _encoded(element, ("ascii",))
            inherits = self.above is not None and not declared.strip()
            self._encodings = (
                self.above.encodings if inherits and self.above else python_encodings(declared)
            )
        return self._encodings

    def value(self, element: Element) -> bytes:
        """The encoded value, as it came or as it would be written; of a sequence nothing."""
        if element.is_raw:
            return element.value or b""
        return _encoded(element, self.encodings)

    def bare(self, element: Element) -> bytes:
        """The encoded value without padding."""
        return self.value(element).strip(b" \0")

    def texts(self, element: Element, vr: str) -> list[str]:
        """The values of a text, decoded."""
        text = decode_text(self.value(element), self.encodings)
        values = [text] if vr in _ONE_VALUE else text.split("\\")
        return [value.strip(" \0") for value in values]

    def items(self, tag: BaseTag) -> Sequence | None:
        """The items of a sequence; None where the element cannot be read as one."""
        value = self.dataset[tag].value
        return value if isinstance(value, Sequence) else None

    def put(self, tag: BaseTag, vr: str, value: bytes) -> None:
        """Write an encoded value."""
        if len(value) & 1:
            value += b"\0" if vr in _PADDED_BY_ZERO else b" "
        self.dataset[tag] = RawDataElement(
            tag, vr, len(value), value, 0, self.implicit, self.little
        )

    def put_items(self, tag: BaseTag, items: list[Dataset]) -> None:
        """Write a sequence."""
        self.dataset[tag] = DataElement(tag, "SQ", Sequence(items))

    def drop(self, tag: BaseTag) -> None:
        """Take an element out."""
        self.dataset.pop(tag, None)

    def tell(
        self, tag: BaseTag, element: Element, action: Action, rule: str, after: str | None
    ) -> None:
        """Report a change, where somebody wants to know."""
        report = self.work.report
        if report is None:
            return
        before = self.value(element)
        keyword = keyword_of(tag)
        report(
            Change(
                path=f"{self.path}{keyword or _spelt(tag)}",
                tag=int(tag),
                keyword=keyword,
                action=action,
                rule=rule,
                before=self.work.pseudonyms.fingerprint(before) if before else "",
                after=after,
            )
        )

    def inside(self, tag: BaseTag, number: int) -> str:
        """The path of an item, for reports; empty where nobody wants to know."""
        if self.work.report is None:
            return ""
        return f"{self.path}{keyword_of(tag) or _spelt(tag)}[{number}]."

    def gather(self, element: Element, source: Source) -> None:
        """Remember an identifying value, to be looked for elsewhere."""
        value = self.bare(element)
        if value:
            self.work.identity.add(source, value)


def keyword_of(tag: BaseTag) -> str:
    """The keyword of a standard attribute, empty for others."""
    return keyword_for_tag(tag)


def _spelt(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _encoded(element: Element, encodings: tuple[str, ...]) -> bytes:
    value = element.value
    if value is None or isinstance(value, Sequence):
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, MultiValue | list | tuple):
        return b"\\".join(_encoded_text(str(each), encodings) for each in value)
    return _encoded_text(str(value), encodings)


def _encoded_text(text: str, encodings: tuple[str, ...]) -> bytes:
    """In the first character set that has all of it: to be looked for, not to be written."""
    for encoding in encodings:
        try:
            return text.encode(encoding)
        except UnicodeEncodeError:
            continue
    return text.encode("utf-8", "replace")
