"""TLS as a user configures it: ``pacs serve`` over TLS, DCMTK and pynetdicom as peers."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage, StudyRootQueryRetrieveInformationModelMove

from pacs_framework.dicom.status import Status
from pacs_framework.testing.certificates import Certificates, make_certificates
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.process import ServedArchive, served


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def settings(certificates: Certificates, clients: str) -> str:
    return (
        "[network.tls]\nenabled = true\n"
        f'certificate = "{certificates.server}"\nkey = "{certificates.server}"\n'
        f'ca = "{certificates.ca}"\nclient_certificates = "{clients}"\n'
    )


@pytest.fixture
def archive(tmp_path: Path, certificates: Certificates) -> Iterator[ServedArchive]:
    with served(tmp_path / "archive", config=settings(certificates, "required")) as running:
        yield running
        assert running.stop() == 0


def client_context(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates.ca)
    context.load_cert_chain(certificates.client)
    return context


def test_pynetdicom_stores_over_tls_with_a_client_certificate(
    archive: ServedArchive, certificates: Certificates
) -> None:
    instance = make_instance()
    ae = AE()
    ae.add_requested_context(CTImageStorage, instance.file_meta.TransferSyntaxUID)
    association = ae.associate(
        archive.host, archive.port, tls_args=(client_context(certificates), archive.host)
    )
    assert association.send_c_store(instance).Status == Status.SUCCESS
    association.release()
    assert len(archive.objects()) == 1


def test_without_a_client_certificate_there_is_no_association(
    archive: ServedArchive, certificates: Certificates
) -> None:
    echo = ("echo", archive.host, archive.port, "--aec", archive.aet)
    assert archive.run(*echo).returncode == 1
    assert archive.run(*echo, "--tls", "--ca", certificates.ca).returncode == 1
    identity = ("--certificate", certificates.client, "--key", certificates.client)
    done = archive.run(*echo, "--tls", "--ca", certificates.ca, *identity)
    assert done.returncode == 0, done.stderr
    stranger = ("--certificate", certificates.stranger, "--key", certificates.stranger)
    assert archive.run(*echo, "--tls", "--ca", certificates.ca, *stranger).returncode == 1


@pytest.mark.interop
def test_dcmtk_echoes_over_tls(archive: ServedArchive, certificates: Certificates) -> None:
    if not Path("/usr/bin/echoscu").exists():
        pytest.skip("DCMTK is not installed: apt-get install dcmtk")
    pem = certificates.client
    command = ["/usr/bin/echoscu", "+tls", pem, pem, "+cf", certificates.ca, "-aec", archive.aet]
    done = subprocess.run(
        [*command, archive.host, str(archive.port)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_c_move_to_a_peer_over_tls(tmp_path: Path, certificates: Certificates) -> None:
    """``tls = true`` of a peer: the archive shows its certificate and checks the peer's."""
    got: list[str] = []

    def keep(event: evt.Event) -> int:
        got.append(event.request.AffectedSOPInstanceUID)
        return 0x0000

    receiver = AE(ae_title="RECEIVER")
    receiver.add_supported_context(CTImageStorage)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.ca)
    context.load_cert_chain(certificates.server)
    context.verify_mode = ssl.CERT_REQUIRED
    server = receiver.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[(evt.EVT_C_STORE, keep)],
        ssl_context=context,
    )
    port = server.socket.getsockname()[1]
    peer = f'[peers.r]\naet = "RECEIVER"\nhost = "127.0.0.1"\nport = {port}\ntls = true\n'
    try:
        with served(tmp_path, config=settings(certificates, "optional") + peer) as archive:
            instance = make_instance()
            ae = AE()
            ae.add_requested_context(CTImageStorage, instance.file_meta.TransferSyntaxUID)
            ae.add_requested_context(StudyRootQueryRetrieveInformationModelMove)
            association = ae.associate(
                archive.host, archive.port, tls_args=(client_context(certificates), archive.host)
            )
            assert association.send_c_store(instance).Status == Status.SUCCESS
            query = make_instance()
            query.clear()
            query.QueryRetrieveLevel = "STUDY"
            query.StudyInstanceUID = instance.StudyInstanceUID
            model = StudyRootQueryRetrieveInformationModelMove
            statuses = [s.Status for s, _ in association.send_c_move(query, "RECEIVER", model)]
            association.release()
    finally:
        server.shutdown()
    assert statuses[-1] == Status.SUCCESS
    assert got == [instance.SOPInstanceUID]
