"""Which service answers what."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pacs_framework.errors import ConfigurationError
from pacs_framework.network.router import Capability, Router
from pacs_framework.network.service import CommandField, DimseService, Request, SupportedContext

CT, MR, PRIVATE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.3.6.1.4.1.99999.1"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


class Service(DimseService):
    """A service that is nothing but its lists."""

    commands = frozenset({CommandField.C_STORE})

    def __init__(self, name: str, *contexts: SupportedContext, **more: object) -> None:
        self.name = name  # type: ignore[misc]
        self.listed = contexts
        self.commands = more.get("commands", self.commands)  # type: ignore[assignment,misc]
        self.others: SupportedContext | None = more.get("others")  # type: ignore[assignment]
        self.answer: bytes | None = more.get("answer")  # type: ignore[assignment]

    def contexts(self) -> Iterable[SupportedContext]:
        return self.listed

    def context_for(self, abstract_syntax: str) -> SupportedContext | None:
        return self.others

    def negotiate(self, abstract_syntax: str, proposed: bytes) -> bytes | None:
        return self.answer

    def serve(self, request: Request) -> None:
        raise NotImplementedError


def supported(uid: str, *syntaxes: str, scu: bool = True, scp: bool = False) -> SupportedContext:
    return SupportedContext(
        abstract_syntax=uid,
        transfer_syntaxes=frozenset(syntaxes),
        peer_as_scu=scu,
        peer_as_scp=scp,
    )


def test_two_services_share_an_abstract_syntax() -> None:
    """Storage is stored by one and retrieved by another; each keeps its role and its syntaxes."""
    store = Service("store", supported(CT, IMPLICIT))
    get = Service(
        "get",
        supported(CT, IMPLICIT, EXPLICIT, scu=False, scp=True),
        commands=frozenset({CommandField.C_GET, CommandField.C_STORE}),
    )
    router = Router([get, store])
    assert router.capability(CT) == Capability(
        frozenset({IMPLICIT}), frozenset({IMPLICIT, EXPLICIT})
    )
    assert router.service_for(CT, CommandField.C_STORE) is store
    assert router.service_for(CT, CommandField.C_GET) is None
    assert router.service_for(MR, CommandField.C_STORE) is None


def test_two_services_for_one_command_are_an_error() -> None:
    """The message names both, the command and the abstract syntax."""
    services = [Service("one", supported(CT, IMPLICIT)), Service("two", supported(CT, EXPLICIT))]
    with pytest.raises(ConfigurationError) as raised:
        Router(services)
    assert str(raised.value) == (
        f"C_STORE on {CT} is answered by both 'one' and 'two'; deny the plugin of one of them in "
        "[plugins] deny"
    )


def test_an_unlisted_abstract_syntax_may_still_be_taken() -> None:
    """`context_for` is asked for what nobody lists, and its service answers."""
    router = Router([Service("listed", supported(CT, IMPLICIT))])
    assert router.capability(PRIVATE) is None
    assert router.service_for(PRIVATE, CommandField.C_STORE) is None
    open_minded = Service("open", others=supported(PRIVATE, EXPLICIT))
    router = Router([open_minded])
    assert router.capability(PRIVATE) == Capability(frozenset({EXPLICIT}), frozenset())
    assert router.service_for(PRIVATE, CommandField.C_STORE) is open_minded
    assert router.service_for(PRIVATE, CommandField.C_FIND) is None


def test_extended_negotiation_goes_to_who_lists_the_class() -> None:
    """The first answer counts; services that do not list the class are not asked."""
    other = Service("other", supported(MR, IMPLICIT), answer=b"no")
    silent = Service("silent", supported(CT, IMPLICIT, scu=False, scp=True))
    answering = Service("answering", supported(CT, IMPLICIT), answer=b"yes")
    router = Router([other, silent, answering])
    assert router.negotiate(CT, b"\1") == b"yes"
    assert router.negotiate(PRIVATE, b"\1") is None


def test_events_come_from_who_is_provider() -> None:
    """N-EVENT-REPORT is asked by the SCP (PS3.7 10.1.1): it is routed where the peer may be one."""
    both = frozenset({CommandField.N_ACTION, CommandField.N_EVENT_REPORT})
    provider = Service("provider", supported(PRIVATE, EXPLICIT), commands=both)
    receiver = Service("receiver", supported(PRIVATE, EXPLICIT, scu=False, scp=True), commands=both)
    router = Router([provider, receiver])
    assert router.service_for(PRIVATE, CommandField.N_ACTION) is provider
    assert router.service_for(PRIVATE, CommandField.N_EVENT_REPORT) is receiver


def test_services_are_started_in_order_and_stopped_in_the_opposite_one() -> None:
    """When one cannot start, those before it are stopped, and it alone is not."""
    seen: list[str] = []

    class Living(Service):
        def start(self) -> None:
            seen.append(f"start {self.name}")
            if self.name == "bad":
                raise ConfigurationError("no")

        def stop(self) -> None:
            seen.append(f"stop {self.name}")

    router = Router([Living("a"), Living("b")])
    router.start()
    router.stop()
    router.stop()
    assert seen == ["start a", "start b", "stop b", "stop a"]
    seen.clear()
    with pytest.raises(ConfigurationError):
        Router([Living("a"), Living("bad"), Living("b")]).start()
    assert seen == ["start a", "start bad", "stop a"]
