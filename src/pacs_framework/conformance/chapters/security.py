"""8 Security: TLS, who is asked for a certificate, and what there is not."""

from __future__ import annotations

from pacs_framework.conformance.chapters.common import absent, yes_no
from pacs_framework.conformance.document import Section, Table, Text
from pacs_framework.conformance.records import Topic
from pacs_framework.conformance.statement import SecurityFacts, Statement

__all__ = ["de_identification", "security"]

_CLIENTS = {
    "none": "is not asked for a certificate",
    "optional": "is asked for a certificate, which is verified where it is shown",
    "required": "must show a certificate that the configured authorities signed",
}
_CIPHERS = (
    "Cipher suites are those of OpenSSL's defaults in Python on this machine, which keep to "
    "BCP 195; conformance to one of the BCP 195 profiles of PS3.15 Annex B as a whole is not "
    "claimed."
)


def security(statement: Statement) -> Section:
    """The chapter."""
    return Section(
        title="Security",
        sections=(
            Section(title="Introduction", blocks=_introduction(statement)),
            absent(
                "External network requirements",
                "Addresses come from the configuration; names are resolved by the operating "
                "system. Neither LDAP nor DHCP is used for DICOM.",
            ),
            _ports(statement),
            Section(title="DICOM security profiles", sections=_profiles(statement)),
            _identity(),
            absent(
                "Web services security features", "No active plugin declares a DICOM Web Service."
            ),
            _others(),
        ),
    )


def _introduction(statement: Statement) -> tuple[Text, ...]:
    facts = statement.security
    text = (
        "Associations are accepted over TLS only."
        if facts.tls
        else (
            "Associations are accepted over plain TCP, without encryption: the network has to be "
            "one that may carry patient data."
        )
    )
    remarks = [each.text for each in statement.remarks if each.topic is Topic.SECURITY]
    return (Text(text), *map(Text, remarks))


def _ports(statement: Statement) -> Section:
    port = str(statement.port) if statement.port else "any free one"
    rows = (
        (
            f"{statement.host}, TCP {port}",
            "incoming",
            "DICOM over TLS" if statement.security.tls else "DICOM",
        ),
        *(
            (f"{p.host}, TCP {p.port}", "outgoing", "DICOM over TLS" if p.tls else "DICOM")
            for p in statement.peers
        ),
    )
    table = Table("TCP ports", ("Address", "Direction", "Protocol"), rows)
    return Section(title="TCP port configuration", blocks=(table,))


def de_identification(statement: Statement, title: str) -> Section:
    """What plugins say of de-identifying (PS3.15 Annex E)."""
    said = [each.text for each in statement.remarks if each.topic is Topic.DE_IDENTIFICATION]
    if not said:
        return absent(title, "No active part of the archive de-identifies.")
    return Section(title=title, blocks=tuple(map(Text, said)))


def _profiles(statement: Statement) -> tuple[Section, ...]:
    facts = statement.security
    return (
        absent("Secure use profiles", "No profile of PS3.15 Annex A is claimed."),
        _transport(facts),
        absent("Media storage security profiles", "No DICOM media is read or written."),
        de_identification(statement, "Attribute confidentiality profiles"),
        absent(
            "Digital signature profiles",
            "Signatures in instances are kept byte for byte; none is made or verified.",
        ),
        absent("Additional security profiles", "No other profile of PS3.15 is claimed."),
    )


def _transport(facts: SecurityFacts) -> Section:
    rows = (
        ("TLS on the listening port", yes_no(facts.tls)),
        ("Versions", f"{facts.minimum_version} to {facts.maximum_version}"),
        ("A client", _CLIENTS[facts.client_certificates] if facts.tls else "connects without TLS"),
        (
            "TLS to a peer",
            "for each peer that has tls = true; its certificate and its name are always verified",
        ),
        (
            "Authorities",
            "those of the configured file" if facts.own_authorities else "those of the system",
        ),
    )
    table = Table("Secure transport connections (PS3.15 Annex B)", ("What", "Here"), rows)
    return Section(title="Secure transport connection profiles", blocks=(table, Text(_CIPHERS)))


def _identity() -> Section:
    text = (
        "User identity is not proposed on initiation. On acceptance it is read, of types 1 to 5, "
        "and handed to the plugins that judge associations; the kernel verifies none. A positive "
        "response, where one is asked for, is answered for types 1, 2, 4 and 5 with an empty "
        "server response, for type 3 (Kerberos) not at all."
    )
    return Section(title="User Identity Negotiation", blocks=(Text(text),))


def _others() -> Section:
    text = (
        "Messages and logs at the levels info and above hold no patient data. Objects and index "
        "are not encrypted by the archive: that is for the disk, the database or the storage."
    )
    return Section(title="Other security features", blocks=(Text(text),))
