"""An archive that listens with the three services, and nodes for it to send to."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pacs_framework.archive.archive import Archive
from pacs_framework.index.database import open_database
from pacs_framework.network.limits import Limits
from pacs_framework.network.listener import Listener
from pacs_framework.network.peers import PeerAddress, PeerBook
from pacs_framework.network.requestor import connect
from pacs_framework.network.router import Router
from pacs_framework.testing.memory_storage import MemoryStorage
from pacs_framework.testing.receiver import Receiver
from pacs_query_retrieve.plugin import dimse_services
from pacs_query_retrieve.settings import QueryRetrieveSettings

# In importlib mode a test's folder is not on the path.
sys.path.insert(0, str(Path(__file__).parent))

from nodes import Node


@pytest.fixture
def listening() -> Iterator[object]:
    """Starts listeners on free ports; all are stopped at the end."""
    with contextlib.ExitStack() as stack:

        def start(aet: str, *services: object) -> Listener:
            listener = Listener(
                address=("127.0.0.1", 0),
                aet=aet,
                router=Router(services),
                limits=Limits(),
                decide=lambda _: None,
            )
            listener.start()
            stack.callback(listener.stop, 0.0)
            return listener

        yield start


@pytest.fixture
def settings() -> QueryRetrieveSettings:
    return QueryRetrieveSettings(pending_interval=0)


@pytest.fixture
def archive_options() -> dict[str, object]:
    """What an archive may have besides."""
    return {}


@pytest.fixture
def node(tmp_path: Path, listening, settings, archive_options) -> Iterator[Node]:
    """A running archive without an instance."""
    storage = MemoryStorage()
    with closing(open_database(f"sqlite:///{tmp_path / 'index.db'}")) as database:
        archive = Archive(database=database, storage=storage, data=tmp_path, **archive_options)
        archive.peers = PeerBook()
        archive.connect = lambda peer, contexts: connect(
            peer.host, peer.port, calling_aet="PACS", called_aet=peer.aet, contexts=contexts
        )
        with closing(archive):
            listener = listening("PACS", *dimse_services(archive, settings))
            yield Node(archive=archive, storage=storage, listener=listener)
            listener.stop(0.0)


@pytest.fixture
def receiver(node: Node, listening) -> Receiver:
    """The peer ``RECEIVER`` of the archive; it takes everything until told otherwise."""
    made = Receiver()
    listener = listening("RECEIVER", made)
    host, port = listener.address
    node.archive.peers = PeerBook([PeerAddress(aet="RECEIVER", host=host, port=port)])
    return made
