"""From a configuration, its plugins and their services to a statement.

What is stated of the wire is asked of the code that answers on it: the router tells the contexts.
What a plugin documents must fit its services, else gathering fails: a statement claims no more than
is negotiated.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

from pydicom.charset import python_encoding

from pacs_framework import __version__
from pacs_framework.config import Settings
from pacs_framework.conformance.associations import association_facts, security_facts
from pacs_framework.conformance.contexts import (
    SyntaxSets,
    accepted_contexts,
    unlisted_context,
)
from pacs_framework.conformance.initiated import kernel_initiations
from pacs_framework.conformance.names import Family, family_of, named
from pacs_framework.conformance.parameters import kernel_parameters, plugin_parameters
from pacs_framework.conformance.records import (
    AcceptancePolicy,
    Contribution,
    Initiation,
    PublishedSettings,
    Remark,
    Role,
    ServiceConformance,
    Topic,
)
from pacs_framework.conformance.statement import (
    TEMPLATE,
    AcceptedContext,
    Parameter,
    PeerFact,
    PluginFact,
    ServiceFact,
    Statement,
)
from pacs_framework.dicom.charset import LATIN_1, UTF_8
from pacs_framework.errors import PluginError
from pacs_framework.hookspecs import HookKind
from pacs_framework.network.router import Router
from pacs_framework.network.service import DimseService
from pacs_framework.plugins import Plugin, PluginSet, PluginState

__all__ = ["gather"]

_T = TypeVar("_T")

_Provided = Sequence[tuple[str, Sequence[DimseService]]]
_Contributed = Sequence[tuple[str, Contribution]]

_USUAL_SCHEME = "file"  # of `pacs_framework.app.Configured.storage_url` without a setting
_IDLE = "the storage of this plugin is not in use"
_DEFINED_TERM = re.compile(r"ISO_IR \d+|ISO 2022 IR \d+|GB18030|GBK").fullmatch


def gather(settings: Settings, plugins: PluginSet, provided: _Provided) -> Statement:
    """The statement of an installation; ``provided`` are the services of each active plugin.

    Raises `PluginError` when a plugin documents what its services do not offer.
    """
    contributed = _contributed(plugins)
    idle = _idle_storages(settings, plugins)
    router = Router([service for _, services in provided for service in services])
    sets = SyntaxSets()
    contexts = accepted_contexts(router, sets)
    unlisted = unlisted_context(router, sets)
    return Statement(
        template=TEMPLATE,
        product="pacs-framework",
        version=__version__,
        aet=settings.archive.aet,
        host=settings.network.host,
        port=settings.network.port,
        duplicates=settings.archive.duplicates,
        plugins=tuple(_plugin(each, provided, contributed) for each in plugins.active),
        association=association_facts(settings.network, settings.archive.aet),
        syntax_sets=sets.all(),
        contexts=contexts,
        unlisted=unlisted,
        services=_services(provided, contributed),
        initiations=(*kernel_initiations(contexts), *_of(Initiation, contributed)),
        acceptance=tuple(each.rule for each in _of(AcceptancePolicy, contributed)),
        remarks=tuple(_remarks(contributed, idle)),
        character_sets=tuple(term for term in python_encoding if _DEFINED_TERM(term)),
        answer_character_sets=(LATIN_1, UTF_8),
        security=security_facts(settings.network),
        peers=_peers(settings),
        parameters=(*kernel_parameters(settings), *_published(plugins, contributed, idle)),
        deviations=tuple(_deviations(contexts)),
    )


def _contributed(plugins: PluginSet) -> _Contributed:
    """What the plugins document; one that fails to would be missing without a word."""
    asked = plugins.active
    answers = plugins.register("conformance")
    for plugin in asked:
        if plugin.state is PluginState.FAILED:
            raise PluginError(f"plugin {plugin.name!r} does not document itself: {plugin.reason}")
    return [(plugin, record) for plugin, records in answers for record in records]


def _of(kind: type[_T], contributed: _Contributed) -> tuple[_T, ...]:
    return tuple(record for _, record in contributed if isinstance(record, kind))


def _plugin(plugin: Plugin, provided: _Provided, contributed: _Contributed) -> PluginFact:
    deciding = (
        each.hook.name for each in plugin.implementations if each.hook.kind is HookKind.DECIDE
    )
    return PluginFact(
        name=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        services=tuple(s.name for name, each in provided if name == plugin.name for s in each),
        decides=tuple(name for name in deciding if name not in plugin.idle),
        documented=any(name == plugin.name for name, _ in contributed),
    )


# --- services -----------------------------------------------------------------------------------


def _services(provided: _Provided, contributed: _Contributed) -> tuple[ServiceFact, ...]:
    records: dict[tuple[str, str, Role], ServiceConformance] = {}
    for plugin, record in contributed:
        if isinstance(record, ServiceConformance):
            key = (plugin, record.service, record.role)
            if key in records:
                raise PluginError(f"{_claim(plugin, record)} twice")
            records[key] = record
    facts = tuple(
        fact
        for plugin, services in provided
        for service in services
        for fact in _roles(plugin, service, records)
    )
    offered = {(fact.plugin, fact.service, fact.role) for fact in facts}
    for key, record in records.items():
        if key not in offered:
            raise PluginError(
                f"{_claim(key[0], record)}, and no active service of this name lists a "
                "presentation context for that role"
            )
    return facts


def _claim(plugin: str, record: ServiceConformance) -> str:
    return f"conformance of plugin {plugin!r} documents {record.service!r} as {record.role}"


def _roles(
    plugin: str, service: DimseService, records: dict[tuple[str, str, Role], ServiceConformance]
) -> Iterator[ServiceFact]:
    """The service in each role, its SOP classes sorted into families."""
    contexts = tuple(service.contexts())
    for role in (Role.SCP, Role.SCU):
        uids = [
            context.abstract_syntax
            for context in contexts
            if (context.peer_as_scu if role is Role.SCP else context.peer_as_scp)
        ]
        for family in Family:
            members = [uid for uid in uids if family_of(uid) is family]
            if members:
                yield ServiceFact(
                    plugin=plugin,
                    service=service.name,
                    role=role,
                    family=family,
                    commands=tuple(
                        sorted(field.name.replace("_", "-") for field in service.commands)
                    ),
                    sop_classes=tuple(named(uid) for uid in sorted(set(members))),
                    record=records.get((plugin, service.name, role)),
                )


# --- the rest -----------------------------------------------------------------------------------


def _peers(settings: Settings) -> tuple[PeerFact, ...]:
    return tuple(
        PeerFact(name=name, aet=peer.aet, host=peer.host, port=peer.port, tls=peer.tls)
        for name, peer in sorted(settings.peers.items())
    )


def _idle_storages(settings: Settings, plugins: PluginSet) -> frozenset[str]:
    """Plugins that keep no object here, since another one has the scheme of the storage."""
    used = urlsplit(settings.storage.url).scheme or _USUAL_SCHEME
    return frozenset(
        plugin for plugin, schemes in plugins.register("storage_backends") if used not in schemes
    )


def _remarks(contributed: _Contributed, idle: Collection[str]) -> Iterator[Remark]:
    """Without those on how objects are kept where they are not."""
    for plugin, record in contributed:
        if isinstance(record, Remark) and not (plugin in idle and record.topic is Topic.STORAGE):
            yield record


def _published(
    plugins: PluginSet, contributed: _Contributed, idle: Collection[str]
) -> Iterator[Parameter]:
    by_name = {plugin.name: plugin.settings for plugin in plugins.active}
    for plugin, record in contributed:
        if isinstance(record, PublishedSettings):
            for each in plugin_parameters(plugin, by_name[plugin], record.names):
                yield replace(each, value=f"{each.value} ({_IDLE})") if plugin in idle else each


def _deviations(contexts: Sequence[AcceptedContext]) -> Iterator[str]:
    """Rules of PS3.2 section 7.1 that depend on what is installed."""
    if not contexts:
        yield (
            "No plugin with a DICOM service is active: associations are established, and no "
            "presentation context is accepted."
        )
    elif not any(each.family is Family.VERIFICATION and each.as_scp for each in contexts):
        yield (
            "The Verification SOP Class is not accepted as SCP, which PS3.2 section 7.1 asks of "
            "every acceptor of associations: no active plugin answers C-ECHO."
        )
