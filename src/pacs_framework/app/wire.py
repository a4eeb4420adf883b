"""The settings of the network in the terms of the wire."""

from __future__ import annotations

import ssl

from pacs_framework.config import (
    NetworkSettings,
    TlsSettings,
)
from pacs_framework.network.limits import Limits
from pacs_framework.network.tls import client_context, server_context

__all__ = ["limits_of", "tls_of_client", "tls_of_server"]


def limits_of(network: NetworkSettings) -> Limits:
    """The limits of the wire as configured."""
    return Limits(
        max_associations=network.max_associations,
        max_half_open=network.max_half_open,
        max_pdu=network.max_pdu,
        max_message_bytes=network.max_message_bytes,
        artim_timeout=network.artim_timeout,
        idle_timeout=network.idle_timeout,
        network_timeout=network.network_timeout,
    )


def tls_of_server(tls: TlsSettings) -> ssl.SSLContext | None:
    """What the listener speaks TLS with; None where it is not to."""
    if not tls.enabled:
        return None
    assert tls.certificate is not None
    assert tls.key is not None
    return server_context(
        certificate=tls.certificate,
        key=tls.key,
        ca=tls.ca,
        client_certificates=tls.client_certificates,
        minimum_version=tls.minimum_version,
    )


def tls_of_client(tls: TlsSettings) -> ssl.SSLContext:
    """What a peer is called with whose address says TLS."""
    return client_context(
        ca=tls.ca,
        certificate=tls.certificate,
        key=tls.key,
        minimum_version=tls.minimum_version,
    )
