"""7 Network and media communication details: associations, presentation contexts, statuses."""

from __future__ import annotations

from pacs_framework.conformance.chapters.common import absent, limit, seconds, status_table, yes_no
from pacs_framework.conformance.chapters.contexts import acceptance, initiation
from pacs_framework.conformance.document import Block, Section, Table, Text
from pacs_framework.conformance.names import status_text
from pacs_framework.conformance.statement import AssociationFacts, ServiceFact, Statement
from pacs_framework.dicom.status import Status

__all__ = ["network"]

_NEGOTIATION = (
    ("Role selection (PS3.7 D.3.3.4)", "Yes", "answered where it is proposed"),
    ("Asynchronous operations window (PS3.7 D.3.3.3)", "No", "answered with 1 and 1"),
    ("SOP class common extended negotiation (PS3.7 D.3.3.6)", "No", "read, without effect"),
    (
        "User identity (PS3.7 D.3.3.7)",
        "Passed on",
        "handed to plugins that judge associations; nothing else looks at it",
    ),
)


def network(statement: Statement) -> Section:
    """The chapter."""
    return Section(
        title="Network and media communication details",
        sections=(
            _general(statement),
            Section(title="Specifications", sections=tuple(_entities(statement))),
            _statuses(statement),
        ),
    )


# --- what holds for every association -----------------------------------------------------------


def _general(statement: Statement) -> Section:
    facts = statement.association
    table = Table("Association parameters", ("Parameter", "Value"), _parameters(facts))
    extended = any(context.extended_negotiation for context in statement.contexts)
    option = ("SOP class extended negotiation (PS3.7 D.3.3.5)", yes_no(extended), "see chapter 5")
    negotiation = Table(
        "Extended negotiation", ("Item", "Supported", "Note"), (*_NEGOTIATION, option)
    )
    return Section(
        title="General",
        sections=(
            Section(title="General association parameters", blocks=(table, negotiation)),
            Section(title="Network interfaces", blocks=(Text(_INTERFACES),)),
        ),
    )


_INTERFACES = (
    "DICOM upper layer over TCP/IP (PS3.8). The physical network is that of the machine. IPv4 and "
    "IPv6 both work: the configured address decides which one is listened on, and the names of "
    "peers are resolved by the operating system."
)


def _parameters(facts: AssociationFacts) -> tuple[tuple[str, str], ...]:
    context = facts.application_context
    invoked, performed = facts.asynchronous_window
    return (
        ("Application Context Name", f"{context.uid} ({context.name})"),
        ("Implementation Class UID", facts.implementation_class_uid),
        ("Implementation Version Name", facts.implementation_version_name),
        ("Maximum PDU length that is received, in bytes", limit(facts.max_pdu)),
        ("Longest data set that is received, in bytes", limit(facts.max_message_bytes)),
        ("Outstanding asynchronous transactions", f"{invoked} invoked, {performed} performed"),
        ("Time-out for the association request, and its end (ARTIM)", seconds(facts.artim_timeout)),
        ("Time-out without a message", seconds(facts.idle_timeout)),
        ("Time-out within a message", seconds(facts.network_timeout)),
    )


# --- Application Entities -----------------------------------------------------------------------


def _entities(statement: Statement) -> list[Section]:
    """The archive first, then one for each AE title that commands call with."""
    titles = sorted({each.calling_aet for each in statement.initiations if each.calling_aet})
    return [_archive(statement), *(_command(statement, title) for title in titles)]


def _archive(statement: Statement) -> Section:
    return Section(
        title=f"Application Entity {statement.aet}",
        sections=(
            Section(
                title="Sequencing of activities",
                blocks=(Text("None is needed: every request stands for itself."),),
            ),
            Section(title="Association policies", blocks=_policies(statement)),
            initiation(statement, ""),
            acceptance(statement),
        ),
    )


def _policies(statement: Statement) -> tuple[Block, ...]:
    facts = statement.association
    rows = (
        ("Associations accepted at one time", _accepted(facts)),
        ("Connections without an association yet", f"{facts.max_half_open} for each process"),
        (
            "Associations initiated at one time",
            "as many as requests that need one; each belongs to the request that opened it",
        ),
    )
    return (Table("Number of associations", ("What", "Number"), rows),)


def _accepted(facts: AssociationFacts) -> str:
    if facts.workers == 1:
        return str(facts.max_associations)
    total = facts.workers * facts.max_associations
    return f"{facts.max_associations} for each of {facts.workers} processes, {total} in all"


def _command(statement: Statement, title: str) -> Section:
    text = "A command opens one association at a time and releases it before it ends."
    return Section(
        title=f"Application Entity {title}",
        sections=(
            Section(
                title="Sequencing of activities",
                blocks=(Text("Each command is one activity, started by a person or a script."),),
            ),
            Section(title="Association policies", blocks=(Text(text),)),
            initiation(statement, title),
            absent("Association acceptance", "Commands do not listen."),
        ),
    )


# --- statuses -----------------------------------------------------------------------------------


def _statuses(statement: Statement) -> Section:
    return Section(
        title="Status codes",
        sections=(
            _communication(statement),
            Section(title="DIMSE services", blocks=_dimse(statement)),
            absent("DICOM Web Services", "No active plugin declares a DICOM Web Service."),
        ),
    )


def _communication(statement: Statement) -> Section:
    facts = statement.association
    rows = [
        ("a time-out of the table above", "A-ABORT, or the connection is closed; it is logged"),
        ("what breaks PS3.7 or PS3.8, a PDU longer than the maximum among it", "A-P-ABORT"),
        ("the peer aborts or disconnects", "what was not yet acknowledged is dropped, and logged"),
        ("an operation that no service answers", _status(Status.UNRECOGNIZED_OPERATION)),
        ("a service that raises or gives no response", _status(Status.PROCESSING_FAILURE)),
    ]
    if facts.max_message_bytes:
        failure = f"a data set longer than {facts.max_message_bytes} bytes"
        rows.append((failure, f"{_status(Status.OUT_OF_RESOURCES)}, after it was read to its end"))
    columns = ("Failure", "What is done")
    return Section(
        title="General communication and failure behaviour",
        blocks=(Table("Communication failures", columns, tuple(rows)),),
    )


def _status(status: Status) -> str:
    return f"{status_text(status)} ({status.name.lower().replace('_', ' ')})"


def _dimse(statement: Statement) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for fact in _once(statement):
        assert fact.record is not None
        caption = f"{fact.record.title} as {fact.role}"
        blocks.append(status_table(caption, fact.record.statuses))
    undocumented = [fact for fact in statement.services if fact.record is None]
    blocks += [
        Text(f"{fact.service} ({fact.plugin}) as {fact.role}: undocumented by the plugin.")
        for fact in undocumented
    ]
    blocks += [
        status_table(f"{each.activity}: statuses received", each.statuses)
        for each in statement.initiations
    ]
    return tuple(blocks) or (Text("None. There are no DIMSE services."),)


def _once(statement: Statement) -> list[ServiceFact]:
    """Each documented service in each role once, however many families its SOP classes are of."""
    found = {
        (fact.plugin, fact.service, fact.role): fact
        for fact in reversed(statement.services)
        if fact.record is not None
    }
    return list(reversed(found.values()))
