"""A listener with small test services, associations to it, bare peers, and certificates."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_framework.network.association import Association
from pacs_framework.network.limits import Limits
from pacs_framework.network.listener import Listener
from pacs_framework.network.requestor import connect
from pacs_framework.network.router import Router
from pacs_framework.network.service import DimseService
from pacs_framework.testing.certificates import Certificates, make_certificates

# In importlib mode a test's folder is not on the path.
sys.path.insert(0, str(Path(__file__).parent))

from loopback_peers import (
    Associate,
    Bare,
    BarePeer,
    Listen,
    Stored,
    proposed,
)


@pytest.fixture
def stored() -> Stored:
    """Instances that came in."""
    return Stored()


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Start listeners; all are stopped, and none may keep a connection."""
    with contextlib.ExitStack() as stack:

        def start(
            *services: DimseService, limits: Limits | None = None, **more: object
        ) -> Listener:
            settings = {"aet": "PACS", "decide": lambda _: None, **more}
            listener = Listener(
                address=("127.0.0.1", 0),
                router=Router(services),
                limits=limits or Limits(),
                **settings,  # type: ignore[arg-type]
            )
            listener.start()
            stack.callback(listener.stop, 0.0)
            return listener

        yield start


@pytest.fixture
def associate() -> Iterator[Associate]:
    """Associations to a listener; aborted at the end if the test did not release them."""
    with contextlib.ExitStack() as stack:

        def open_association(listener: Listener, *uids: str, **more: object) -> Association:
            settings = {
                "contexts": proposed(*uids),
                "calling_aet": "ME",
                "called_aet": "PACS",
                **more,
            }
            association = connect(*listener.address, **settings)  # type: ignore[arg-type]
            stack.callback(association.abort)
            return association

        yield open_association


@pytest.fixture
def bare() -> Iterator[Bare]:
    """Bare peers, closed at the end."""
    with contextlib.ExitStack() as stack:

        def peer(listener: Listener) -> BarePeer:
            made = BarePeer(listener.address)
            stack.callback(made.socket.close)
            return made

        yield peer


# --- certificates ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made anew for each run."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))
