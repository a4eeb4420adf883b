"""The six normalized services (PS3.7 section 10.1) in both roles, with ourselves and pynetdicom."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from loopback_peers import (
    EXPLICIT,
    IMPLICIT,
    VERIFICATION,
    Associate,
    Bare,
    Listen,
    Service,
    echo_service,
    proposed,
)
from pydicom import Dataset
from pydicom.tag import Tag
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association as TheirAssociation
from structlog.testing import capture_logs

from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.status import Status, is_failure
from pacs_framework.network.association import Association, Response
from pacs_framework.network.command_set import NO_DATASET
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.errors import AssociationError, NormalizedFailure
from pacs_framework.network.normalized import NormalizedService, Operation, Outcome
from pacs_framework.network.requestor import connect
from pacs_framework.network.router import Router
from pacs_framework.network.scu import (
    c_echo,
    n_action,
    n_create,
    n_delete,
    n_event_report,
    n_get,
    n_set,
)
from pacs_framework.network.service import (
    AcceptedContext,
    CommandField,
    Request,
    SupportedContext,
)

FILM_SESSION = "1.2.840.10008.5.1.1.1"
FILM_BOX = "1.2.840.10008.5.1.1.2"
NOT_SERVED = "1.2.840.10008.5.1.1.4"
LABEL, COPIES = Tag("FilmSessionLabel"), Tag("NumberOfCopies")
SYNTAXES = frozenset((EXPLICIT, IMPLICIT))
NET = 30  # seconds, against tests that never end
N_COMMANDS = (
    CommandField.N_CREATE,
    CommandField.N_SET,
    CommandField.N_GET,
    CommandField.N_ACTION,
    CommandField.N_DELETE,
)


class FilmSessions(NormalizedService):
    """Data sets by UID: made, changed, read, printed, deleted. Prints give an event afterwards."""

    name = "film-sessions"
    commands = frozenset(N_COMMANDS)
    largest_dataset = 4096

    def __init__(self) -> None:
        self.sessions: dict[str, Dataset] = {}

    def contexts(self) -> list[SupportedContext]:
        return [SupportedContext(abstract_syntax=FILM_SESSION, transfer_syntaxes=SYNTAXES)]

    def sop_classes(self, abstract_syntax: str) -> tuple[str, ...]:
        return (abstract_syntax, FILM_BOX)

    def perform(self, operation: Operation) -> Outcome:
        uid = operation.sop_instance_uid
        if operation.command is CommandField.N_CREATE:
            return self._create(uid, operation.required_dataset())
        if uid not in self.sessions:
            raise NormalizedFailure("no such session", status=Status.NO_SUCH_SOP_INSTANCE)
        match operation.command:
            case CommandField.N_SET:
                return self._set(uid, operation.required_dataset())
            case CommandField.N_GET:
                wanted = operation.wanted
                found = self.sessions[uid]
                answer = Dataset({e.tag: e for e in found if not wanted or e.tag in wanted})
                missing = [tag for tag in wanted if tag not in found]
                status = Status.ATTRIBUTE_LIST_ERROR if missing else Status.SUCCESS
                return Outcome(status=status, dataset=answer, attributes=missing)
            case CommandField.N_ACTION:
                return self._action(operation)
            case _:
                del self.sessions[uid]
                return Outcome()

    def _create(self, uid: str, attributes: Dataset) -> Outcome:
        if uid in self.sessions:
            raise NormalizedFailure("it exists", status=Status.DUPLICATE_SOP_INSTANCE)
        if LABEL not in attributes:
            raise NormalizedFailure(
                "no label", status=Status.MISSING_ATTRIBUTE, attributes=[LABEL], error_id=7
            )
        self.sessions[uid] = attributes
        return Outcome(dataset=attributes)

    def _set(self, uid: str, changes: Dataset) -> Outcome:
        self.sessions[uid].update(changes)
        return Outcome(dataset=changes)

    def _action(self, operation: Operation) -> Outcome:
        if operation.type_id != 1:
            raise NormalizedFailure("no such action", status=Status.NO_SUCH_ACTION)
        reply = Dataset()
        reply.FilmSessionLabel = "printed"
        return Outcome(dataset=reply)


@dataclass
class Heard:
    """What a receiver of N-EVENT-REPORT got."""

    events: list[tuple[str, int, str]] = field(default_factory=list)
    answer: Callable[[Operation], Outcome] = lambda _: Outcome()

    def service(self, *, peer_as_scu: bool = False) -> NormalizedService:
        heard = self

        class Listening(NormalizedService):
            name = "listening"
            commands = frozenset({CommandField.N_EVENT_REPORT})

            def contexts(self) -> list[SupportedContext]:
                return [
                    SupportedContext(
                        abstract_syntax=FILM_SESSION,
                        transfer_syntaxes=SYNTAXES,
                        peer_as_scu=peer_as_scu,
                        peer_as_scp=True,
                    )
                ]

            def perform(self, operation: Operation) -> Outcome:
                label = operation.required_dataset().FilmSessionLabel
                heard.events.append((operation.sop_instance_uid, operation.type_id, label))
                return heard.answer(operation)

        return Listening()


def attributes(syntax: str = EXPLICIT, **values: object) -> bytes:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return encode_identifier(dataset, syntax)


def read(response: Response, syntax: str = EXPLICIT) -> Dataset:
    assert response.dataset is not None
    return decode_identifier(response.dataset, syntax)


def film(association: Association, *, scu: bool = True) -> AcceptedContext:
    context = association.context_for(FILM_SESSION, scu=scu)
    assert context is not None
    return context


def as_scp(uid: str = FILM_SESSION) -> list[ProposedContext]:
    return [
        ProposedContext(
            context_id=1,
            abstract_syntax=uid,
            transfer_syntaxes=(EXPLICIT,),
            scu=False,
            scp=True,
        )
    ]


# --- a life of an instance, with ourselves --------------------------------------------------


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_an_instance_is_made_changed_read_acted_on_and_deleted(
    listen: Listen, associate: Associate, syntax: str
) -> None:
    """Each response names the SOP class and instance, and carries its data set and type ids."""
    service = FilmSessions()
    contexts = [
        ProposedContext(context_id=1, abstract_syntax=FILM_SESSION, transfer_syntaxes=(syntax,))
    ]
    association = associate(listen(service), contexts=contexts)
    context = film(association)
    made = n_create(
        association,
        context=context,
        sop_instance_uid="1.2.3",
        attributes=attributes(syntax, FilmSessionLabel="A"),
    )
    assert made.status == Status.SUCCESS
    assert made.command["AffectedSOPClassUID"] == FILM_SESSION
    assert made.command["AffectedSOPInstanceUID"] == "1.2.3"
    assert read(made, syntax).FilmSessionLabel == "A"
    changed = n_set(
        association,
        context=context,
        sop_instance_uid="1.2.3",
        modifications=attributes(syntax, NumberOfCopies=2),
    )
    assert (changed.status, read(changed, syntax).NumberOfCopies) == (Status.SUCCESS, 2)
    got = n_get(association, context=context, sop_instance_uid="1.2.3")
    assert (read(got, syntax).FilmSessionLabel, read(got, syntax).NumberOfCopies) == ("A", 2)
    acted = n_action(association, context=context, sop_instance_uid="1.2.3", action_type=1)
    assert (acted.status, acted.command["ActionTypeID"]) == (Status.SUCCESS, 1)
    assert read(acted, syntax).FilmSessionLabel == "printed"
    gone = n_delete(association, context=context, sop_instance_uid="1.2.3")
    assert (gone.status, gone.dataset, service.sessions) == (Status.SUCCESS, None, {})


def test_the_provider_makes_a_uid_where_none_is_given(listen: Listen, associate: Associate) -> None:
    """N-CREATE may leave the SOP Instance UID out (PS3.7 10.1.5.1.4): a new one each time."""
    service = FilmSessions()
    association = associate(listen(service), FILM_SESSION)
    label = attributes(FilmSessionLabel="A")
    made = [
        n_create(association, context=film(association), attributes=label).command[
            "AffectedSOPInstanceUID"
        ]
        for _ in range(2)
    ]
    assert len(set(made)) == 2
    assert list(service.sessions) == made


def test_some_attributes_are_read_and_what_is_not_there_is_named(
    listen: Listen, associate: Associate
) -> None:
    """0107H, attribute list error, is a warning with the tags it is about (PS3.7 C.4.2)."""
    service = FilmSessions()
    service.sessions["1.2.3"] = Dataset()
    service.sessions["1.2.3"].FilmSessionLabel = "A"
    association = associate(listen(service), FILM_SESSION)
    got = n_get(
        association,
        context=film(association),
        sop_instance_uid="1.2.3",
        attributes=[LABEL, COPIES],
    )
    assert got.status == Status.ATTRIBUTE_LIST_ERROR
    assert got.command["AttributeIdentifierList"] == (COPIES,)
    assert list(read(got).keys()) == [LABEL]


def test_another_sop_class_of_the_context_is_served(listen: Listen, associate: Associate) -> None:
    """A meta SOP class: the request names the SOP class, and so does the response."""
    association = associate(listen(FilmSessions()), FILM_SESSION)
    made = n_create(
        association,
        context=film(association),
        sop_class_uid=FILM_BOX,
        attributes=attributes(FilmSessionLabel="A"),
    )
    assert (made.status, made.command["AffectedSOPClassUID"]) == (Status.SUCCESS, FILM_BOX)


# --- requests that are wrong ----------------------------------------------------------------

CLASS, INSTANCE = "RequestedSOPClassUID", "RequestedSOPInstanceUID"
NEW_CLASS, NEW_INSTANCE = "AffectedSOPClassUID", "AffectedSOPInstanceUID"
REQUESTED = {CLASS: FILM_SESSION, INSTANCE: "1.2.3"}
AFFECTED = {NEW_CLASS: FILM_SESSION, NEW_INSTANCE: "1.2.4"}
ELSEWHERE = {**REQUESTED, INSTANCE: "1.9"}
GOOD = attributes(FilmSessionLabel="A")
CUT = GOOD[:-2]
CREATE, SET, GET = CommandField.N_CREATE, CommandField.N_SET, CommandField.N_GET
ACTION, DELETE = CommandField.N_ACTION, CommandField.N_DELETE
WRONG: list[tuple[CommandField, dict[str, object], bytes | None, Status]] = [
    (CREATE, {**AFFECTED, NEW_CLASS: None}, GOOD, Status.MISTYPED_ARGUMENT),
    (CREATE, {**AFFECTED, NEW_INSTANCE: "1..2"}, GOOD, Status.INVALID_SOP_INSTANCE),
    (CREATE, {**AFFECTED, NEW_INSTANCE: "1.2.3"}, GOOD, Status.DUPLICATE_SOP_INSTANCE),
    (CREATE, {**AFFECTED, NEW_CLASS: NOT_SERVED}, GOOD, Status.NO_SUCH_SOP_CLASS),
    (CREATE, AFFECTED, None, Status.MISSING_ATTRIBUTE),
    (CREATE, AFFECTED, attributes(NumberOfCopies=1), Status.MISSING_ATTRIBUTE),
    (CREATE, AFFECTED, CUT, Status.INVALID_ATTRIBUTE_VALUE),
    (CREATE, AFFECTED, GOOD * 500, Status.RESOURCE_LIMITATION),
    (SET, {CLASS: FILM_SESSION}, GOOD, Status.MISTYPED_ARGUMENT),
    (SET, {INSTANCE: "1.2.3"}, GOOD, Status.MISTYPED_ARGUMENT),
    (SET, REQUESTED, None, Status.MISSING_ATTRIBUTE_VALUE),
    (SET, REQUESTED, CUT, Status.INVALID_ATTRIBUTE_VALUE),
    (SET, ELSEWHERE, GOOD, Status.NO_SUCH_SOP_INSTANCE),
    (SET, AFFECTED, GOOD, Status.MISTYPED_ARGUMENT),
    (GET, {}, None, Status.MISTYPED_ARGUMENT),
    (GET, ELSEWHERE, None, Status.NO_SUCH_SOP_INSTANCE),
    (ACTION, REQUESTED, None, Status.MISTYPED_ARGUMENT),
    (ACTION, {**REQUESTED, "ActionTypeID": 2}, None, Status.NO_SUCH_ACTION),
    (ACTION, {**REQUESTED, "ActionTypeID": (1, 2)}, None, Status.MISTYPED_ARGUMENT),
    (ACTION, {**REQUESTED, "ActionTypeID": 1}, CUT, Status.INVALID_ARGUMENT_VALUE),
    (DELETE, ELSEWHERE, None, Status.NO_SUCH_SOP_INSTANCE),
    (
        CommandField.N_EVENT_REPORT,
        {**AFFECTED, "EventTypeID": 1},
        GOOD,
        Status.UNRECOGNIZED_OPERATION,
    ),
]


@pytest.mark.parametrize(("command", "elements", "data", "status"), WRONG)
def test_a_wrong_request_has_the_status_of_the_standard_and_changes_nothing(
    listen: Listen,
    associate: Associate,
    command: CommandField,
    elements: dict[str, object],
    data: bytes | None,
    status: Status,
) -> None:
    """PS3.7 Annex C.5; the response names what was asked for, and the association lives on."""
    service = FilmSessions()
    service.sessions["1.2.3"] = Dataset()
    association = associate(listen(service, echo_service()), FILM_SESSION, VERIFICATION)
    # An empty element stands in for one that is left out, where send_request would fill it in.
    filled = {key: "" if value is None else value for key, value in elements.items()}
    message_id = association.send_request(film(association), command, filled, data)
    response = association.receive_response(message_id)
    assert response.status == status, response.command
    assert is_failure(response.status)
    assert service.sessions == {"1.2.3": Dataset()}
    assert c_echo(association) == Status.SUCCESS


def test_a_failure_tells_attributes_and_error_id(listen: Listen, associate: Associate) -> None:
    """Attribute Identifier List, Error ID and Error Comment travel with the status (PS3.7 C.5)."""
    association = associate(listen(FilmSessions()), FILM_SESSION)
    made = n_create(association, context=film(association), attributes=attributes(NumberOfCopies=1))
    assert made.status == Status.MISSING_ATTRIBUTE
    assert made.command["AttributeIdentifierList"] == (LABEL,)
    assert (made.command["ErrorID"], made.command["ErrorComment"]) == (7, "no label")


def test_a_data_set_that_is_announced_and_does_not_come_aborts(listen: Listen, bare: Bare) -> None:
    """The next command stands where the data set is due: PS3.8 knows no way out but A-ABORT."""
    peer = bare(listen(FilmSessions()))
    peer.associate(*proposed(FILM_SESSION))
    request = {"CommandField": CommandField.N_SET, "MessageID": 1, **REQUESTED}
    peer.command(**request, CommandDataSetType=1)
    peer.command(**request, CommandDataSetType=NO_DATASET)
    assert peer.pdu()[0] == 7


# --- events ---------------------------------------------------------------------------------


def test_an_event_on_an_association_of_its_own_needs_the_role(
    listen: Listen, associate: Associate
) -> None:
    """SCP by role selection (PS3.7 D.3.3.4): the receiver hears UID, type and information."""
    heard = Heard()
    association = associate(listen(heard.service()), contexts=as_scp())
    context = film(association, scu=False)
    assert (context.scu, context.scp) == (False, True)
    response = n_event_report(
        association,
        context=context,
        sop_instance_uid="1.2.3",
        event_type=2,
        information=attributes(FilmSessionLabel="done"),
    )
    assert (response.status, response.command["EventTypeID"]) == (Status.SUCCESS, 2)
    assert heard.events == [("1.2.3", 2, "done")]


def test_an_event_from_a_peer_that_is_only_scu_is_refused(
    listen: Listen, associate: Associate
) -> None:
    """0211H, and nobody hears of it."""
    heard = Heard()
    association = associate(listen(heard.service(peer_as_scu=True)), FILM_SESSION)
    response = n_event_report(
        association, context=film(association), sop_instance_uid="1.2.3", event_type=2
    )
    assert (response.status, heard.events) == (Status.UNRECOGNIZED_OPERATION, [])


def test_an_event_without_its_type_or_information_fails(
    listen: Listen, associate: Associate
) -> None:
    """0212H and 0115H."""
    heard = Heard()
    association = associate(listen(heard.service()), contexts=as_scp())
    context = film(association, scu=False)
    message_id = association.send_request(context, CommandField.N_EVENT_REPORT, AFFECTED)
    assert association.receive_response(message_id).status == Status.MISTYPED_ARGUMENT
    bare_event = n_event_report(
        association, context=context, sop_instance_uid="1.2.3", event_type=1
    )
    assert bare_event.status == Status.INVALID_ARGUMENT_VALUE
    assert heard.events == []


class Reporting(FilmSessions):
    """Tells of each print by an event: from its own thread, after the request is answered."""

    def __init__(self, *, later: bool = True) -> None:
        super().__init__()
        self.sessions["1.2.3"] = Dataset()
        self.later = later
        self.associations: list[Association] = []
        self.statuses: list[int] = []
        self.errors: list[Exception] = []
        self.told = threading.Event()

    def report(self, association: Association) -> int:
        response = n_event_report(
            association,
            context=film(association, scu=False),
            sop_instance_uid="1.2.3",
            event_type=3,
            information=attributes(FilmSessionLabel="printed"),
        )
        return response.status

    def serve(self, request: Request) -> None:
        super().serve(request)
        association = request.association
        self.associations.append(association)
        if not self.later:
            self.statuses.append(self.report(association))
            return
        association.take_errands()
        threading.Thread(target=self._post, args=(association,), daemon=True).start()

    def _post(self, association: Association) -> None:
        try:
            self.statuses.append(association.post(self.report).result(NET))
        except AssociationError as error:
            self.errors.append(error)
        self.told.set()


@pytest.mark.parametrize("later", [True, False])
def test_an_event_comes_on_the_association_that_asked(
    listen: Listen, associate: Associate, later: bool
) -> None:
    """While the peer waits for it, and between two requests of it."""
    service, heard = Reporting(later=later), Heard()
    association = associate(listen(service), FILM_SESSION, services=Router([heard.service()]))
    context = film(association)
    for number in (1, 2):
        acted = n_action(association, context=context, sop_instance_uid="1.2.3", action_type=1)
        assert acted.status == Status.SUCCESS
        assert association.await_requests(NET, lambda n=number: len(heard.events) >= n)
    assert heard.events == [("1.2.3", 3, "printed")] * 2
    association.release()


def test_an_event_that_comes_while_a_response_is_awaited_is_answered(
    listen: Listen, associate: Associate
) -> None:
    """The peer's report and our next request cross: both are answered, in either order."""
    service, heard = Reporting(), Heard()
    association = associate(listen(service), FILM_SESSION, services=Router([heard.service()]))
    context = film(association)
    for _ in range(20):
        acted = n_action(association, context=context, sop_instance_uid="1.2.3", action_type=1)
        assert acted.status == Status.SUCCESS
    assert association.await_requests(NET, lambda: len(heard.events) == 20)
    association.release()


def test_a_wait_for_events_ends(listen: Listen, associate: Associate) -> None:
    """When its time is over; the association is as good as before."""
    association = associate(listen(FilmSessions(), echo_service()), FILM_SESSION, VERIFICATION)
    assert not association.await_requests(0.05, lambda: False)
    assert c_echo(association) == Status.SUCCESS
    assert association.await_requests(0.05, lambda: True)


def test_a_peer_that_does_not_answer_a_report_has_its_time(
    listen: Listen, associate: Associate
) -> None:
    """Then the association is aborted, whatever the time-outs of the listener are."""

    class Impatient(Reporting):
        def report(self, association: Association) -> int:
            association.limit_wait(0.05)
            return super().report(association)

    service = Impatient()
    association = associate(listen(service), FILM_SESSION)
    n_action(association, context=film(association), sop_instance_uid="1.2.3", action_type=1)
    assert service.told.wait(NET)
    assert [str(error) for error in service.errors] == [
        "the peer did not answer in the time that it was given"
    ]


def test_what_is_posted_to_an_association_that_is_over_fails(
    listen: Listen, associate: Associate
) -> None:
    """At once, with AssociationError: whoever posted it has to find another way."""
    service = Reporting()
    listener = listen(service)
    association = associate(listener, FILM_SESSION, services=Router([Heard().service()]))
    n_action(association, context=film(association), sop_instance_uid="1.2.3", action_type=1)
    association.abort()
    assert service.told.wait(NET)
    listener.stop(0.0)
    with pytest.raises(AssociationError):
        service.associations[0].post(lambda _: 0).result(NET)


def test_a_peer_that_releases_is_not_waited_for(listen: Listen, associate: Associate) -> None:
    """A release that crosses the report: it is confirmed, and the poster learns the outcome."""
    service = Reporting()
    association = associate(listen(service), FILM_SESSION)
    n_action(association, context=film(association), sop_instance_uid="1.2.3", action_type=1)
    association.release()
    assert service.told.wait(NET)
    assert len(service.errors) + len(service.statuses) == 1


def test_an_errand_that_raises_ends_nothing(listen: Listen, associate: Associate) -> None:
    """Its exception is that of its future; the association goes on."""
    raised: list[BaseException | None] = []

    def post(association: Association) -> None:
        future = association.post(lambda _: 1 // 0)
        raised.append(future.exception(NET))

    def serve(request: Request) -> None:
        request.respond(0)
        request.association.take_errands()
        thread = threading.Thread(target=post, args=(request.association,), daemon=True)
        thread.start()

    context = SupportedContext(abstract_syntax=VERIFICATION, transfer_syntaxes=SYNTAXES)
    service = Service("posting", [CommandField.C_ECHO], serve, context)
    association = associate(listen(service), VERIFICATION)
    while not raised:
        assert c_echo(association) == Status.SUCCESS
    assert isinstance(raised[0], ZeroDivisionError)
    association.release()


def test_an_archive_stops_while_an_association_waits_for_errands(
    listen: Listen, associate: Associate
) -> None:
    """The bell does not keep a thread: stop ends the association as any other."""
    service = Reporting()
    listener = listen(service)
    association = associate(listener, FILM_SESSION, services=Router([Heard().service()]))
    n_action(association, context=film(association), sop_instance_uid="1.2.3", action_type=1)
    heard = Heard()
    association._services = Router([heard.service()])
    assert association.await_requests(NET, lambda: bool(heard.events))
    with capture_logs() as logs:
        listener.stop(5.0)
    assert "association aborted: this archive stops" in [entry["event"] for entry in logs]


# --- pynetdicom asks ------------------------------------------------------------------------


@pytest.fixture
def theirs() -> Iterator[Callable[..., TheirAssociation]]:
    """pynetdicom as requestor."""
    opened: list[TheirAssociation] = []

    def start(address: tuple[str, int], *handlers: object, **roles: bool) -> TheirAssociation:
        ae = AE("THEIRS")
        ae.add_requested_context(FILM_SESSION, [EXPLICIT])
        negotiated = [build_role(FILM_SESSION, **roles)] if roles else []
        association = ae.associate(
            *address, evt_handlers=list(handlers), ext_neg=negotiated, ae_title="PACS"
        )
        assert association.is_established
        opened.append(association)
        return association

    yield start
    for association in opened:
        association.abort()


def label_of(dataset: Any) -> str:
    return str(dataset.FilmSessionLabel)


def test_pynetdicom_uses_all_five_operations(
    listen: Listen, theirs: Callable[..., TheirAssociation]
) -> None:
    """Made, changed, read, acted on, deleted by an independent peer."""
    service = FilmSessions()
    association = theirs(listen(service).address)
    attribute_list = Dataset()
    attribute_list.FilmSessionLabel = "A"
    status, made = association.send_n_create(attribute_list, FILM_SESSION, "1.2.3")
    assert (status.Status, label_of(made)) == (0, "A")
    attribute_list.FilmSessionLabel = "B"
    status, changed = association.send_n_set(attribute_list, FILM_SESSION, "1.2.3")
    assert (status.Status, label_of(changed)) == (0, "B")
    status, got = association.send_n_get([LABEL], FILM_SESSION, "1.2.3")
    assert (status.Status, label_of(got)) == (0, "B")
    status, reply = association.send_n_action(None, 1, FILM_SESSION, "1.2.3")
    assert (status.Status, label_of(reply)) == (0, "printed")
    status, _ = association.send_n_action(None, 9, FILM_SESSION, "1.2.3")
    assert (status.Status, status.ErrorComment) == (Status.NO_SUCH_ACTION, "no such action")
    assert association.send_n_delete(FILM_SESSION, "1.2.3").Status == 0
    assert association.send_n_delete(FILM_SESSION, "1.2.3").Status == Status.NO_SUCH_SOP_INSTANCE
    association.release()
    assert service.sessions == {}


def test_pynetdicom_tells_us_of_an_event(
    listen: Listen, theirs: Callable[..., TheirAssociation]
) -> None:
    """On an association of its own, as SCP by role selection."""
    heard = Heard()
    association = theirs(listen(heard.service()).address, scp_role=True)
    information = Dataset()
    information.FilmSessionLabel = "theirs"
    status, _ = association.send_n_event_report(information, 4, FILM_SESSION, "1.2.3")
    assert status.Status == 0
    assert heard.events == [("1.2.3", 4, "theirs")]
    association.release()


def test_pynetdicom_hears_of_an_event_on_its_association(
    listen: Listen, theirs: Callable[..., TheirAssociation]
) -> None:
    """While it has nothing to ask."""
    events: list[str] = []

    def handle(event: evt.Event) -> tuple[int, None]:
        events.append(label_of(event.event_information))
        return 0, None

    service = Reporting()
    association = theirs(listen(service).address, (evt.EVT_N_EVENT_REPORT, handle))
    status, _ = association.send_n_action(None, 1, FILM_SESSION, "1.2.3")
    assert status.Status == 0
    assert service.told.wait(NET)
    assert (events, service.statuses) == (["printed"], [0])
    association.release()


# --- pynetdicom answers ---------------------------------------------------------------------


def test_pynetdicom_carries_out_what_we_ask() -> None:
    """All five operations as SCU, and an N-EVENT-REPORT from it before it answers N-ACTION."""
    seen: list[str] = []
    kept = Dataset()

    def create(event: evt.Event) -> tuple[int, Dataset]:
        kept.update(event.attribute_list)
        kept.AffectedSOPInstanceUID = "1.2.77"
        return 0, kept

    def change(event: evt.Event) -> tuple[int, Dataset]:
        kept.update(event.modification_list)
        return 0, event.modification_list

    def get(event: evt.Event) -> tuple[int, Dataset]:
        seen.append(f"get {event.attribute_identifiers}")
        return 0, kept

    def act(event: evt.Event) -> tuple[int, Dataset]:
        event.assoc.send_n_event_report(kept, 5, FILM_SESSION, "1.2.3")
        return 0, event.action_information

    def delete(event: evt.Event) -> int:
        return 0x0112

    ae = AE("OTHER")
    ae.add_supported_context(FILM_SESSION, [EXPLICIT], scu_role=True, scp_role=True)
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[
            (evt.EVT_N_CREATE, create),
            (evt.EVT_N_SET, change),
            (evt.EVT_N_GET, get),
            (evt.EVT_N_ACTION, act),
            (evt.EVT_N_DELETE, delete),
        ],
    )
    heard = Heard()
    try:
        host, port = server.server_address[:2]
        with connect(
            host,
            port,
            calling_aet="ME",
            called_aet="OTHER",
            contexts=proposed(FILM_SESSION),
            services=Router([heard.service()]),
        ) as association:
            context = film(association)
            where = {"context": context, "sop_instance_uid": "1.2.77"}
            made = n_create(association, context=context, attributes=GOOD)
            assert (made.status, made.command["AffectedSOPInstanceUID"]) == (0, "1.2.77")
            changed = n_set(association, modifications=attributes(FilmSessionLabel="B"), **where)
            assert (changed.status, read(changed).FilmSessionLabel) == (0, "B")
            got = n_get(association, attributes=[LABEL, COPIES], **where)
            assert (got.status, read(got).FilmSessionLabel) == (0, "B")
            acted = n_action(association, action_type=1, information=GOOD, **where)
            assert (acted.status, read(acted).FilmSessionLabel) == (0, "A")
            assert n_delete(association, **where).status == Status.NO_SUCH_SOP_INSTANCE
    finally:
        server.shutdown()
    assert seen == ["get [(2000,0050), (2000,0010)]"]
    assert heard.events == [("1.2.3", 5, "B")]
