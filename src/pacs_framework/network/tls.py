"""TLS contexts as DICOM wants them: TLS 1.2 or 1.3, certificates on one or both sides (PS3.15 B).

The ciphers are those of OpenSSL's defaults in Python, which keep to BCP 195.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pacs_framework.errors import ConfigurationError

__all__ = [
    "ClientCertificates",
    "MinimumVersion",
    "client_context",
    "server_context",
    "subject_of",
    "subject_of_certificate",
]

ClientCertificates = Literal["none", "optional", "required"]
"""Whether a client must show a certificate, and whether it is asked for one at all."""

MinimumVersion = Literal["1.2", "1.3"]

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_VERIFY = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


def _load(
    context: ssl.SSLContext, certificate: Path | None, key: Path | None, ca: Path | None
) -> None:
    try:
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        if ca is not None:
            context.load_verify_locations(ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"TLS: certificate {certificate and str(certificate)!r}, key {key and str(key)!r} or "
            f"ca {ca and str(ca)!r} cannot be used: {error}"
        ) from error


def server_context(
    certificate: Path,
    key: Path | None = None,
    *,
    ca: Path | None = None,
    client_certificates: ClientCertificates = "none",
    minimum_version: MinimumVersion = "1.2",
) -> ssl.SSLContext:
    """The context of a listener; all files are PEM, ``key`` None when it is in ``certificate``.

    ``ca`` holds the authorities of client certificates; without it and with client certificates
    wanted, raises ConfigurationError, as it does for files that cannot be used.
    """
    if client_certificates != "none" and ca is None:
        raise ConfigurationError(
            f"TLS: client certificates are {client_certificates!r} and there is no ca to verify "
            "them; set ca to a PEM file of the authorities"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[minimum_version]
    context.verify_mode = _VERIFY[client_certificates]
    _load(context, certificate, key, ca)
    return context


def client_context(
    *,
    ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    check_hostname: bool = True,
    minimum_version: MinimumVersion = "1.2",
) -> ssl.SSLContext:
    """The context of a requestor. The peer's certificate is always verified: against ``ca``, or
    the system's authorities when None; its name against the host unless ``check_hostname`` is off.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _VERSIONS[minimum_version]
    context.check_hostname = check_hostname
    if ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    _load(context, certificate, key, ca)
    return context


def subject_of(sock: object) -> str:
    """The subject of the peer's verified certificate, ``CN=…,O=…``; empty when there is none."""
    if not isinstance(sock, ssl.SSLSocket):
        return ""
    return subject_of_certificate(sock.getpeercert())


def subject_of_certificate(certificate: Mapping[str, Any] | None) -> str:
    """The subject of a verified certificate as `ssl.SSLSocket.getpeercert` tells it; see above.

    A comma within a value is escaped (RFC 4514 2.4), so that no value looks like two.
    """
    if not certificate:
        return ""
    names: dict[str, str] = {"commonName": "CN", "organizationName": "O", "countryName": "C"}
    names["organizationalUnitName"] = "OU"
    parts = []
    for name in certificate.get("subject", ()):
        for attribute in name:
            kind, value = str(attribute[0]), str(attribute[1])
            value = value.replace("\\", "\\\\").replace(",", "\\,")
            parts.append(f"{names.get(kind, kind)}={value}")
    return ",".join(reversed(parts))
