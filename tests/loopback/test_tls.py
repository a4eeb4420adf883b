"""TLS at both ends of our own: versions, certificates, and whoever has the wrong ones."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
from loopback_peers import (
    CT,
    VERIFICATION,
    Associate,
    Bare,
    Listen,
    Stored,
    at_rest,
    echo_service,
)
from structlog.testing import capture_logs

from pacs_framework.dicom.status import Status
from pacs_framework.errors import ConfigurationError
from pacs_framework.network.errors import AssociationAborted, AssociationError, ConnectionFailed
from pacs_framework.network.limits import Limits
from pacs_framework.network.scu import c_echo, c_store
from pacs_framework.network.tls import MinimumVersion, client_context, server_context
from pacs_framework.testing.certificates import Certificates

SHORT = Limits(artim_timeout=0.2, idle_timeout=0.2, network_timeout=0.2)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_both_versions(
    listen: Listen,
    associate: Associate,
    certificates: Certificates,
    stored: Stored,
    version: MinimumVersion,
) -> None:
    """A large data set, exactly as sent, over TLS 1.2 and 1.3."""
    server = server_context(certificates.server)
    server.maximum_version = (
        ssl.TLSVersion.TLSv1_2 if version == "1.2" else ssl.TLSVersion.MAXIMUM_SUPPORTED
    )
    client = client_context(ca=certificates.ca, minimum_version=version)
    listener = listen(stored.service(), echo_service(), tls=server)
    association = associate(listener, CT, VERIFICATION, tls=client)
    context = association.context_for(CT)
    assert context is not None
    data = bytes(range(256)) * 5000
    for source in (data, [data[:7], data[7:]]):
        response = c_store(
            association, context=context, sop_class_uid=CT, sop_instance_uid="1.2", data=source
        )
        assert response.status == Status.SUCCESS
    assert c_echo(association) == Status.SUCCESS
    association.release()
    assert [instance[2] for instance in stored.instances] == [data, data]


@pytest.mark.parametrize(
    ("wanted", "shown", "subject"),
    [
        ("none", None, ""),
        ("none", "client", ""),
        ("optional", None, ""),
        ("optional", "client", "CN=client,O=Hospital"),
        ("required", "client", "CN=client,O=Hospital"),
    ],
)
def test_client_certificates(
    listen: Listen,
    associate: Associate,
    certificates: Certificates,
    wanted: str,
    shown: str | None,
    subject: str,
) -> None:
    """None, optional, required: the subject is known when one was asked for and shown."""
    seen: list[str] = []
    tls = server_context(
        certificates.server,
        ca=certificates.ca,
        client_certificates=wanted,  # type: ignore[arg-type]
    )
    listener = listen(echo_service(), tls=tls, decide=lambda r: seen.append(r.tls_subject))
    certificate = None if shown is None else certificates.client
    client = client_context(ca=certificates.ca, certificate=certificate)
    assert c_echo(associate(listener, VERIFICATION, tls=client)) == Status.SUCCESS
    assert seen == [subject]


@pytest.mark.parametrize("shown", [None, "stranger"])
def test_a_required_certificate_is_verified(
    listen: Listen, associate: Associate, certificates: Certificates, shown: str | None
) -> None:
    """No certificate, or one of another authority: no association, and the cause in the log."""
    tls = server_context(certificates.server, ca=certificates.ca, client_certificates="required")
    certificate = None if shown is None else certificates.stranger
    client = client_context(ca=certificates.ca, certificate=certificate)
    with capture_logs() as logs:
        listener = listen(echo_service(), tls=tls)
        with pytest.raises(AssociationError):
            associate(listener, VERIFICATION, tls=client)
        at_rest(listener)
    assert "connection refused: TLS handshake failed" in [entry["event"] for entry in logs]


def test_an_unknown_server_is_not_trusted(
    listen: Listen, associate: Associate, certificates: Certificates
) -> None:
    """The server's certificate is verified before anything is said."""
    listener = listen(echo_service(), tls=server_context(certificates.stranger))
    with pytest.raises(ConnectionFailed, match="CERTIFICATE_VERIFY_FAILED"):
        associate(listener, VERIFICATION, tls=client_context(ca=certificates.ca))


def test_a_peer_without_tls_is_refused(
    listen: Listen, associate: Associate, certificates: Certificates
) -> None:
    """Plain DICOM to a TLS port: no association, no thread left."""
    listener = listen(echo_service(), tls=server_context(certificates.server))
    with pytest.raises((ConnectionFailed, AssociationAborted)):
        associate(listener, VERIFICATION)
    at_rest(listener)


def test_a_silent_handshake_is_half_open(
    listen: Listen, bare: Bare, certificates: Certificates
) -> None:
    """The handshake has the time of the ARTIM timer."""
    listener = listen(echo_service(), tls=server_context(certificates.server), limits=SHORT)
    assert bare(listener).is_closed()
    at_rest(listener)


def test_time_outs_hold_over_tls(
    listen: Listen, associate: Associate, certificates: Certificates
) -> None:
    """idle_timeout: the acceptor aborts, and the requestor learns it at its next request."""
    tls = server_context(certificates.server)
    listener = listen(echo_service(), tls=tls, limits=Limits(idle_timeout=0.2))
    association = associate(listener, VERIFICATION, tls=client_context(ca=certificates.ca))
    assert c_echo(association) == Status.SUCCESS
    at_rest(listener)
    with pytest.raises(AssociationError):
        c_echo(association)


def test_stop_wakes_tls_associations(
    listen: Listen, associate: Associate, certificates: Certificates
) -> None:
    """As without TLS: an A-ABORT at once, also while a handshake is under way."""
    listener = listen(echo_service(), tls=server_context(certificates.server))
    association = associate(listener, VERIFICATION, tls=client_context(ca=certificates.ca))
    with socket.create_connection(listener.address):
        listener.stop(grace=60)
    assert listener.connections == 0
    with pytest.raises(AssociationError):
        c_echo(association)


def test_wrong_files_are_configuration_errors(certificates: Certificates, tmp_path: Path) -> None:
    """The message names the files."""
    missing = tmp_path / "missing.pem"
    with pytest.raises(ConfigurationError, match=f"^TLS: certificate '{missing}', key None or ca"):
        server_context(missing)
    with pytest.raises(
        ConfigurationError, match=r"client certificates are 'required' and there is"
    ):
        server_context(certificates.server, client_certificates="required")
