"""Which service answers which command on which abstract syntax, and what they accept together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from pacs_framework.errors import ConfigurationError
from pacs_framework.network.service import (
    ASKED_BY_SCP,
    CommandField,
    DimseService,
    SupportedContext,
)

__all__ = ["Capability", "Router"]


@dataclass(frozen=True, slots=True)
class Capability:
    """Transfer syntaxes of one abstract syntax, by the role that the requestor plays."""

    peer_as_scu: frozenset[str]
    peer_as_scp: frozenset[str]


def _merged(contexts: Iterable[SupportedContext]) -> Capability | None:
    """What several services accept for one abstract syntax: the union, for each role apart."""
    as_scu: frozenset[str] = frozenset()
    as_scp: frozenset[str] = frozenset()
    for context in contexts:
        as_scu |= context.transfer_syntaxes if context.peer_as_scu else frozenset()
        as_scp |= context.transfer_syntaxes if context.peer_as_scp else frozenset()
    return Capability(as_scu, as_scp) if as_scu or as_scp else None


def _may_ask(context: SupportedContext, field: CommandField) -> bool:
    """Whether the role for this request is one that the peer may have."""
    return context.peer_as_scp if field in ASKED_BY_SCP else context.peer_as_scu


class Router:
    """The services of one archive. Asked from many threads; nothing changes after the start.

    Raises ConfigurationError when two services answer one command on one abstract syntax.
    """

    def __init__(self, services: Iterable[DimseService] = ()) -> None:
        self._services = tuple(services)
        self._started = ExitStack()
        self._routes: dict[tuple[str, CommandField], DimseService] = {}
        self._listed: dict[DimseService, frozenset[str]] = {}
        contexts: defaultdict[str, list[SupportedContext]] = defaultdict(list)
        for service in self._services:
            supported = tuple(service.contexts())
            self._listed[service] = frozenset(c.abstract_syntax for c in supported)
            for context in supported:
                contexts[context.abstract_syntax].append(context)
                self._add_routes(context, service)
        self._capabilities = {uid: _merged(listed) for uid, listed in contexts.items()}

    def _add_routes(self, context: SupportedContext, service: DimseService) -> None:
        abstract_syntax = context.abstract_syntax
        for field in service.commands:
            if not _may_ask(context, field):
                continue
            other = self._routes.setdefault((abstract_syntax, field), service)
            if other is not service:
                raise ConfigurationError(
                    f"{field.name} on {abstract_syntax} is answered by both {other.name!r} and "
                    f"{service.name!r}; deny the plugin of one of them in [plugins] deny"
                )

    @property
    def services(self) -> tuple[DimseService, ...]:
        """All services, in the order they were given."""
        return self._services

    def start(self) -> None:
        """Start every service; when one fails, those before it are stopped again."""
        with ExitStack() as started:
            for service in self._services:
                service.start()
                started.callback(service.stop)
            self._started = started.pop_all()

    def stop(self) -> None:
        """Stop the services that were started, the last one first."""
        self._started.close()

    @property
    def abstract_syntaxes(self) -> frozenset[str]:
        """Every abstract syntax that a service lists."""
        return frozenset(self._capabilities)

    def capability(self, abstract_syntax: str) -> Capability | None:
        """What is accepted for an abstract syntax; an unlisted one is offered to every service."""
        if abstract_syntax in self._capabilities:
            return self._capabilities[abstract_syntax]
        offers = (service.context_for(abstract_syntax) for service in self._services)
        return _merged(offer for offer in offers if offer is not None)

    def service_for(self, abstract_syntax: str, field: CommandField) -> DimseService | None:
        """The service that answers ``field`` on a context of this abstract syntax."""
        if abstract_syntax in self._capabilities:
            return self._routes.get((abstract_syntax, field))
        for service in self._services:
            if field in service.commands:
                offer = service.context_for(abstract_syntax)
                if offer is not None and _may_ask(offer, field):
                    return service
        return None

    def negotiate(self, abstract_syntax: str, proposed: bytes) -> bytes | None:
        """The first answer of a service to SOP class extended negotiation (PS3.7 D.3.3.5)."""
        for service in self._services:
            if abstract_syntax in self._listed[service]:
                answer = service.negotiate(abstract_syntax, proposed)
                if answer is not None:
                    return answer
        return None
