"""What every law of services is tried in: a real archive with the plugin, and a peer."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pacs_framework.dicom.status import Status, is_pending, is_warning
from pacs_framework.network.association import Association, Response
from pacs_framework.network.router import Router
from pacs_framework.network.service import AcceptedContext, CommandField, DimseService
from pacs_framework.testing.bare import message
from pacs_framework.testing.receiver import Receiver, listening
from pacs_framework.testing.running import RunningArchive, running_archive
from pacs_framework.testing.samples import (
    DESTINATION,
    SampleRequest,
    sample_instance,
    sample_request,
)
from pacs_framework.testing.suites.negotiating import Asked, askable, propose
from pacs_framework.testing.suites.statuses import defined_statuses
from pacs_framework.testing.suites.suite import Suite

__all__ = [
    "MESSAGE_ID",
    "SAMPLES",
    "WITH_DATASET",
    "ServiceScene",
    "associations_end",
    "kept",
    "lives_on",
    "running_with",
    "services_of",
    "staged",
]

_NAME = "under-test"
SAMPLES = 3
"""Instances in the archive before anything is asked."""
_END_SECONDS = 30  # a net, not a measurement
MESSAGE_ID = 7
"""Of a request that is sent as bare bytes."""
WITH_DATASET = frozenset(
    (CommandField.C_STORE, CommandField.C_FIND, CommandField.C_MOVE, CommandField.C_GET)
)
"""Commands that carry a data set by the standard (PS3.7 section 9.3)."""


class ServiceScene(Suite, suite=True):
    """What the laws of services share: what is declared, the archive, and how it is asked."""

    plugin_name: ClassVar[str] = _NAME
    """What it is called in the archive; tables of a plugin's own are found by its true name."""

    reads_dataset: ClassVar[bool] = False
    """Its commands carry a data set: with one that cannot be parsed, they fail, and so does a C-
    command without one. Who answers C-STORE, C-FIND, C-MOVE or C-GET must declare it.
    """

    cancels: ClassVar[bool] = False
    """A C-CANCEL that came with a request ends it with FE00H, cancel (PS3.7 9.3.2.3)."""

    negotiates: ClassVar[bool] = False
    """It answers SOP class extended negotiation for some of its SOP classes (PS3.7 D.3.3.5)."""

    keeps_instances: ClassVar[bool] = False
    """What it answers to C-STORE with success is in the archive, byte for byte."""

    sends_its_own: ClassVar[bool] = False
    """What it sends by C-MOVE and C-GET are no instances of the archive, but in its own tables."""

    statuses: ClassVar[frozenset[int]] = frozenset()
    """What it answers beyond the statuses of its service class, such as those of a private one."""

    @pytest.fixture
    def plugin(self) -> object:
        """What is behind the plugin's entry point: a module, an object or a class."""
        raise NotImplementedError(f"{type(self).__qualname__} needs a fixture 'plugin'")

    @pytest.fixture
    def plugin_settings(self) -> Mapping[str, Any]:
        """The plugin's section of the configuration, defaults unless overridden."""
        return {}

    def sample(self, command: CommandField, context: AcceptedContext) -> SampleRequest:
        """A request that succeeds; may be overridden. The archive holds three instances of
        `pacs_framework.testing.samples.STUDY`, and C-MOVE has the destination ``RECEIVER``.
        """
        return sample_request(command, context)

    @pytest.fixture
    def running(
        self, plugin: object, plugin_settings: Mapping[str, Any], tmp_path: Path
    ) -> Iterator[RunningArchive]:
        """An archive with this plugin alone, three instances and a peer for C-MOVE."""
        folder = tmp_path / "archive"
        plugins = {self.plugin_name: plugin}
        with running_with(folder, plugins, plugin_settings, Receiver()) as running:
            yield running

    @pytest.fixture
    def services(self, running: RunningArchive) -> Sequence[DimseService]:
        """The services of the plugin, made once more to be looked at."""
        return services_of(running)

    @pytest.fixture
    def asked(self, services: Sequence[DimseService]) -> list[Asked]:
        """Every command on every SOP class that it is declared for."""
        return askable(services)

    def associate(
        self,
        running: RunningArchive,
        *asked: Asked,
        extended_negotiation: Mapping[str, bytes] | None = None,
    ) -> Association:
        """An association for these requests, which takes what C-GET brings."""
        return running.associate(
            contexts=propose(asked),
            services=Router([Receiver()]),
            extended_negotiation=extended_negotiation,
        )

    def ask(
        self, association: Association, asked: Asked, request: SampleRequest | None = None
    ) -> list[Response]:
        """Send a request, the sample unless told; all responses, the final one last."""
        context = association.context_for(asked.abstract_syntax)
        assert context is not None, f"{asked.abstract_syntax} was not accepted"
        sample = request or self.sample(asked.command, context)
        message_id = association.send_request(
            context, asked.command, sample.elements, sample.dataset
        )
        responses = [association.receive_response(message_id)]
        while is_pending(responses[-1].status):
            responses.append(association.receive_response(message_id))
        return responses

    def check_answered(self, association: Association, asked: Asked) -> Response:
        """The sample is carried out, in statuses of its service class; the final response."""
        responses = self.ask(association, asked)
        final = responses[-1]
        self.check_defined(asked, responses)
        assert final.status == Status.SUCCESS or is_warning(final.status), (
            f"{asked.command.name} on {asked.abstract_syntax}: {final.status:04X}H "
            f"{final.command.get('ErrorComment', '')}"
        )
        return final

    def check_defined(self, asked: Asked, responses: Sequence[Response]) -> None:
        """Every status is one of the service class, or declared."""
        defined = defined_statuses(asked.abstract_syntax, asked.command) | self.statuses
        for response in responses:
            assert response.status in defined, (
                f"{response.status:04X}H is not defined for {asked.command.name} on "
                f"{asked.abstract_syntax}; a private SOP class declares its own in `statuses`"
            )

    def _encoded(self, asked: Asked) -> bytes:
        """The sample as one message."""
        sample = self.sample(asked.command, asked.accepted)
        elements: dict[str, object] = {
            "CommandField": asked.command,
            "MessageID": MESSAGE_ID,
            **sample.elements,
        }
        if "RequestedSOPClassUID" not in elements:
            elements.setdefault("AffectedSOPClassUID", asked.abstract_syntax)
        return message(asked.context.context_id, sample.dataset, **elements)


@contextmanager
def running_with(
    folder: Path, plugins: Mapping[str, object], settings: Mapping[str, Any], receiver: Receiver
) -> Iterator[RunningArchive]:
    """An archive with ``plugins``, the first with ``settings``, and what the samples ask for."""
    with listening(DESTINATION, receiver) as listener:
        host, port = listener.address
        configured: dict[str, Any] = {
            "peers": {"receiver": {"aet": DESTINATION, "host": host, "port": port}},
            "plugin": {next(iter(plugins)): settings} if settings else {},
        }
        with running_archive(folder, plugins, settings=configured) as running:
            running.take_in(*map(sample_instance, range(1, SAMPLES + 1)))
            yield running


def services_of(running: RunningArchive) -> list[DimseService]:
    """The services of all plugins of an archive, made once more."""
    made = running.plugins.register("dimse_services", archive=running.archive)
    return [service for _, each in made for service in each]


def kept(running: RunningArchive) -> set[str]:
    """The keys of all that is in its storage."""
    return {found.key for found in running.archive.storage.list()}


def staged(running: RunningArchive) -> list[Path]:
    """What lies in its staging folders; nothing does between requests."""
    folders = running.archive.staging_folder.glob("*/")
    return [path for folder in folders for path in folder.iterdir()]


def associations_end() -> None:
    """Wait until every association in this process is over, those that one opened included."""
    while going_on := [t for t in threading.enumerate() if t.name.startswith("association-")]:
        for thread in going_on:
            assert not lives_on(thread), f"{thread.name} goes on"


def lives_on(thread: threading.Thread) -> bool:
    """Whether it does not end though it was waited for."""
    thread.join(_END_SECONDS)
    return thread.is_alive()
