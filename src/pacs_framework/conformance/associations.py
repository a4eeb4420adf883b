"""What holds for every association, from the limits and the code of the wire (PS3.8, PS3.7 D.3)."""

from __future__ import annotations

import ssl

from pacs_framework.config import NetworkSettings
from pacs_framework.conformance.names import named
from pacs_framework.conformance.statement import AssociationFacts, Rejection, SecurityFacts
from pacs_framework.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs_framework.network.associate import APPLICATION_CONTEXT
from pacs_framework.network.decisions import RejectReason, RejectResult

__all__ = ["association_facts", "security_facts"]

_SYNCHRONOUS = (1, 1)

_PERMANENT, _TRANSIENT = RejectResult.PERMANENT, RejectResult.TRANSIENT


def association_facts(network: NetworkSettings, aet: str) -> AssociationFacts:
    """Limits, identification and rejections of an archive with the title ``aet``."""
    return AssociationFacts(
        application_context=named(APPLICATION_CONTEXT),
        implementation_class_uid=IMPLEMENTATION_CLASS_UID,
        implementation_version_name=IMPLEMENTATION_VERSION_NAME,
        max_pdu=network.max_pdu,
        max_message_bytes=network.max_message_bytes,
        max_associations=network.max_associations,
        max_half_open=network.max_half_open,
        workers=network.workers,
        asynchronous_window=_SYNCHRONOUS,
        artim_timeout=network.artim_timeout,
        idle_timeout=network.idle_timeout,
        network_timeout=network.network_timeout,
        check_called_aet=network.check_called_aet,
        rejections=_rejections(network, aet),
    )


def _rejections(network: NetworkSettings, aet: str) -> tuple[Rejection, ...]:
    called = "the called AE title is empty or not one"
    if network.check_called_aet:
        called += f", or another one than {aet}"
    return (
        _rejection(
            RejectReason.PROTOCOL_VERSION_NOT_SUPPORTED, _PERMANENT, "bit 0 of the version is 0"
        ),
        _rejection(
            RejectReason.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED,
            _PERMANENT,
            "the application context is not that of DICOM",
        ),
        _rejection(
            RejectReason.CALLING_AE_TITLE_NOT_RECOGNIZED,
            _PERMANENT,
            "the calling AE title is empty or not one",
        ),
        _rejection(RejectReason.CALLED_AE_TITLE_NOT_RECOGNIZED, _PERMANENT, called),
        _rejection(
            RejectReason.TEMPORARY_CONGESTION, _TRANSIENT, "a plugin failed to judge the request"
        ),
        _rejection(
            RejectReason.LOCAL_LIMIT_EXCEEDED,
            _TRANSIENT,
            f"{network.max_associations} associations are established in the process",
        ),
    )


def _rejection(reason: RejectReason, result: RejectResult, when: str) -> Rejection:
    return Rejection(
        result=f"{result.value} ({_words(result.name)})",
        source=f"{reason.source.value} ({_words(reason.source.name)})",
        reason=_words(reason.name),
        code=str(reason.code),
        when=when,
    )


def _words(name: str) -> str:
    return name.lower().replace("_", " ").replace("ae title", "AE title")


def security_facts(network: NetworkSettings) -> SecurityFacts:
    """TLS as configured. No certificate is read, and no file named."""
    tls = network.tls
    return SecurityFacts(
        tls=tls.enabled,
        minimum_version=tls.minimum_version,
        maximum_version="1.3" if ssl.HAS_TLSv1_3 else "1.2",
        client_certificates=tls.client_certificates,
        own_authorities=tls.ca is not None,
    )
