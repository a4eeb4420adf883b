"""Orders (ORM^O01, OMG^O19, OMI^O23): from messages to what is to be done with worklist items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_hl7.attributes import write
from pacs_hl7.faults import ErrorCode, Fault
from pacs_hl7.patients import identifier_in
from pacs_worklist.api import ItemError, completed

if TYPE_CHECKING:
    from pacs_framework.archive.corrections import PatientKey
    from pacs_hl7.mapping import MessageMapping
    from pacs_hl7.message import Message, Segment
    from pacs_hl7.paths import Path

__all__ = ["Wish", "check_whole", "divided", "read_orders", "wish_of", "with_own_names"]

_PREFIX = "hl7:"  # of keys in the worklist, which other sources of orders share
_BEGINS_GROUP = "ORC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an order wants of one step: ``action`` is plan, start, complete or cancel.

    ``dataset`` is the worklist item, for *plan* alone. ``whole_order``: of all steps of the order,
    because the message names none. ``appointment``: where the order has steps, it says
    when and where those are; its ``dataset`` may say too little to become one.
    """

    action: str
    order: str
    step: str
    patient: PatientKey
    location: str
    dataset: Dataset | None = None
    appointment: bool = False

    @property
    def key(self) -> str:
        """The name of the step in the worklist."""
        return f"{self.appointed_prefix if self.appointment else self.order_prefix}{self.step}"

    @property
    def order_prefix(self) -> str:
        """What the names of all steps of the order begin with."""
        return f"{_PREFIX}{self.order}/"

    @property
    def appointed_prefix(self) -> str:
        """What the names of those begin with that an appointment placed."""
        return f"{self.order_prefix}AIS "

    @property
    def whole_order(self) -> bool:
        """Whether it is about all steps of the order, because no step is named."""
        return not self.step


def read_orders(message: Message, mapping: MessageMapping) -> list[Wish]:
    """Everything that a message wants, complete and checked. Raises `Fault`."""
    header, groups = _groups(message.segments)
    if not groups:
        raise Fault("there is no ORC or OBR segment", error=ErrorCode.SEQUENCE, location="ORC^1")
    shared = _shared(message.segments)
    return with_own_names(
        wish_of(
            message,
            mapping,
            [*each, *header, *shared],
            each[0],
            action=_action(message, mapping, each[0]),
            names=(mapping.order, mapping.step),
        )
        for each in groups
    )


def with_own_names(made: Iterable[Wish]) -> list[Wish]:
    """The wishes of one message. Raises `Fault` where two of them are about one step."""
    wishes = list(made)
    keys = [wish.key for wish in wishes]
    for place, wish in enumerate(wishes):
        if wish.key in keys[:place]:
            raise Fault(
                "two steps of the message have one name; map orders.step (of an appointment "
                "appointments.step) to what tells them apart",
                error=ErrorCode.DUPLICATE_KEY,
                location=wish.location,
            )
    return wishes


def _groups(segments: Sequence[Segment]) -> tuple[list[Segment], list[Sequence[Segment]]]:
    """What stands before the first order, and the segments of each step."""
    header: list[Segment] = []
    orders: list[list[Segment]] = []
    for segment in segments:
        alone = segment.name == "OBR" and not orders  # an order that has no ORC
        if segment.name == _BEGINS_GROUP or alone:
            orders.append([segment])
        elif orders:
            orders[-1].append(segment)
        else:
            header.append(segment)
    steps = [
        step
        for order in orders
        for procedure in divided(order, "OBR")
        for step in divided(procedure, "IPC")
    ]
    return header, steps


def divided(segments: Sequence[Segment], name: str) -> Iterator[Sequence[Segment]]:
    """The segments once for each of ``name``: with what precedes the first, and what follows it."""
    places = [place for place, segment in enumerate(segments) if segment.name == name]
    if len(places) < 2:
        yield segments
        return
    common = segments[: places[0]]
    for begin, end in zip(places, [*places[1:], len(segments)], strict=True):
        yield [*common, *segments[begin:end]]


def _shared(segments: Sequence[Segment]) -> list[Segment]:
    """Local segments (Z…) that there is one of: they are about all orders (IHE RAD TF-2 4.4)."""
    local = [segment for segment in segments if segment.name.startswith("Z")]
    return [each for each in local if sum(other.name == each.name for other in local) == 1]


def wish_of(
    message: Message,
    mapping: MessageMapping,
    segments: Sequence[Segment],
    first: Segment,
    *,
    action: str,
    names: tuple[Sequence[Path], Sequence[Path]],
    appointment: bool = False,
) -> Wish:
    """What ``segments`` want of one step; ``first`` is named where they say too little.

    ``names`` are where the order and the step are called something. Raises `Fault`.
    """
    order, step = (_text(message, paths, segments) for paths in names)
    if not order:
        wanted = ", ".join(dict.fromkeys(map(str, names[0])))
        raise Fault(
            f"the order has no number: {wanted} have none",
            error=ErrorCode.REQUIRED,
            location=f"{first.name}^{first.number}^2",
        )
    patient = identifier_in(message, mapping.identifier, segments)
    location = f"{first.name}^{first.number}"
    dataset = _item(message, mapping, segments) if action == "plan" else None
    if dataset is not None and not appointment:
        check_whole(dataset, location)
    return Wish(
        action=action,
        order=order,
        step=step,
        patient=patient,
        location=location,
        dataset=dataset,
        appointment=appointment,
    )


def _text(message: Message, paths: Sequence[Path], segments: Sequence[Segment]) -> str:
    """The first value of some paths, with the namespace of an entity identifier (EI)."""
    for path in paths:
        found = path.find(message, segments)
        if found is not None:
            namespace = found.text(2) if path.component == 1 else ""
            return f"{found.text(path.component or 1)}^{namespace}".rstrip("^")
    return ""


def _action(message: Message, mapping: MessageMapping, segment: Segment) -> str:
    """By ORC-1, and by ORC-5 where that says that the status changed; OBR alone is a new order."""
    if segment.name != _BEGINS_GROUP:
        return "plan"
    for number, table in ((1, mapping.controls), (5, mapping.statuses)):
        code = message.component(segment.field(number), 1)
        location = f"ORC^{segment.number}^{number}"
        if not code:
            raise Fault(f"ORC-{number} is empty", error=ErrorCode.REQUIRED, location=location)
        action = table.get(code)
        if action is None:
            raise Fault(
                f"ORC-{number} is {code!r}, which the mapping does not know",
                error=ErrorCode.TABLE_VALUE,
                location=location,
            )
        if action != "status":
            return action
    raise AssertionError


def _item(message: Message, mapping: MessageMapping, segments: Sequence[Segment]) -> Dataset:
    item, step = Dataset(), Dataset()
    write(item, mapping.attributes["patient"], message, segments)
    write(item, mapping.attributes["procedure"], message, segments)
    write(step, mapping.attributes["step"], message, segments)
    key = identifier_in(message, mapping.identifier, segments)
    item.PatientID = key.patient_id
    if key.issuer:
        item.IssuerOfPatientID = key.issuer
    item.ScheduledProcedureStepSequence = [step]
    return item


def check_whole(item: Dataset, location: str) -> None:
    """Raises `Fault` where an item says too little to be offered."""
    try:
        completed(item)
    except ItemError as error:
        raise Fault(
            f"{error}; map what is missing, or have it sent",
            error=ErrorCode.REQUIRED,
            location=location,
        ) from error
