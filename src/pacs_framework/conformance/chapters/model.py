"""4 Implementation model: the Application Entities, what they do, and in which order."""

from __future__ import annotations

from pacs_framework.conformance.document import Block, Bullets, Section, Table, Text
from pacs_framework.conformance.records import Role, Topic
from pacs_framework.conformance.statement import PluginFact, ServiceFact, Statement

__all__ = ["model"]

_UNDOCUMENTED = "no: undocumented by the plugin"


def model(statement: Statement) -> Section:
    """The chapter."""
    return Section(
        title="Implementation model",
        sections=(
            Section(
                title="Application Entities and data flow",
                blocks=_flow(statement),
                sections=(
                    Section(
                        title="Functional definition of Application Entities",
                        blocks=_functions(statement),
                    ),
                    Section(title="Sequencing of real-world activities", blocks=_order(statement)),
                    Section(title="Plugins", blocks=_plugins(statement)),
                ),
            ),
        ),
    )


def _flow(statement: Statement) -> tuple[Block, ...]:
    incoming = tuple(
        f"A peer asks {statement.aet}: {_title(fact)} ({fact.family}), answered as SCP."
        for fact in statement.services
        if fact.role is Role.SCP
    )
    outgoing = tuple(
        f"{each.calling_aet or statement.aet} calls a peer: {each.activity}, when {each.when}."
        for each in statement.initiations
    )
    if not incoming and not outgoing:
        return (Text("None. No active plugin takes part in DICOM communication."),)
    return (Bullets((*incoming, *outgoing)),)


def _title(fact: ServiceFact) -> str:
    return fact.record.title if fact.record is not None else ", ".join(fact.commands)


def _functions(statement: Statement) -> tuple[Block, ...]:
    others = sorted({each.calling_aet for each in statement.initiations if each.calling_aet})
    texts = [
        (
            f"{statement.aet} is the archive: it listens for associations, and opens associations "
            "to the peers of its configuration where a service needs that. It runs until it is "
            "stopped."
        )
    ]
    texts += [
        f"{aet} stands for the commands of the command line that call peers. Each runs when a "
        "person or a script starts it; its AE title is an option (--aet), this is the default."
        for aet in others
    ]
    return tuple(Text(text) for text in texts)


def _order(statement: Statement) -> tuple[Block, ...]:
    texts = [
        (
            "Requests may come in any order and on any number of associations; no service waits "
            "for another one. An instance can be queried and retrieved from the moment on at which"
            " its C-STORE was answered with success."
        )
    ]
    texts += [each.text for each in statement.remarks if each.topic is Topic.WORKFLOW]
    return tuple(Text(text) for text in texts)


def _plugins(statement: Statement) -> tuple[Block, ...]:
    if not statement.plugins:
        return (Text("None. No plugin is active."),)
    columns = ("Plugin", "Distribution", "Version", "Services", "Decides", "Documented")
    return (Table("Active plugins", columns, tuple(map(_plugin, statement.plugins))),)


def _plugin(plugin: PluginFact) -> tuple[str, ...]:
    return (
        plugin.name,
        plugin.distribution,
        plugin.version,
        ", ".join(plugin.services) or "none",
        ", ".join(plugin.decides) or "nothing",
        "yes" if plugin.documented else _UNDOCUMENTED,
    )
