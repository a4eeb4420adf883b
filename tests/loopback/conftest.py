"""A listener with small test services, associations to it, bare peers, and certificates."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pacs_framework.network.association import Association
from pacs_framework.network.limits import Limits
from pacs_framework.network.listener import Listener
from pacs_framework.network.requestor import connect
from pacs_framework.network.router import Router
from pacs_framework.network.service import DimseService

# In importlib mode a test's folder is not on the path.
sys.path.insert(0, str(Path(__file__).parent))

from loopback_peers import (
    Associate,
    Bare,
    BarePeer,
    Certificates,
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


def _certificate(
    name: str, issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None, path: Path
) -> tuple[x509.Name, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Hospital"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0] if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(issuer[1] if issuer else key, hashes.SHA256())
    )
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return subject, key


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made anew for each run."""
    folder = tmp_path_factory.mktemp("certificates")
    made = Certificates(
        *(folder / f"{name}.pem" for name in ("ca", "server", "client", "stranger"))
    )
    ca = _certificate("authority", None, made.ca)
    _certificate("server", ca, made.server)
    _certificate("client", ca, made.client)
    _certificate("stranger", None, made.stranger)
    return made
