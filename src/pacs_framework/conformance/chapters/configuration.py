"""6 Configuration: AE titles, and the settings that decide conformance with their values here."""

from __future__ import annotations

from pacs_framework.conformance.chapters.common import absent, yes_no
from pacs_framework.conformance.document import Block, Section, Table, Text
from pacs_framework.conformance.statement import Parameter, Statement

__all__ = ["configuration"]

_HOW = (
    "Settings are read at the start from one TOML file and from environment variables; a change "
    "needs a restart. Of files only whether they are set is told here, of secrets nothing."
)


def configuration(statement: Statement) -> Section:
    """The chapter."""
    kernel = tuple(p for p in statement.parameters if not p.section.startswith("plugin."))
    plugins = tuple(p for p in statement.parameters if p.section.startswith("plugin."))
    return Section(
        title="Configuration",
        sections=(
            Section(
                title="General configuration parameters",
                blocks=(Text(_HOW), _table("Settings of the archive", kernel)),
                sections=(_local_titles(statement), _peers(statement)),
            ),
            _services(plugins),
            absent(
                "Configuration of DICOM Web Services",
                "No active plugin declares a DICOM Web Service.",
            ),
            absent("Configuration of media storage service", "No DICOM media is read or written."),
            absent("Configuration of Real-Time Video service", "DICOM-RTV is not supported."),
            absent(
                "Configuration of audit trail",
                "No audit messages of PS3.15 A.5 are sent. The archive has a log of its own.",
            ),
        ),
    )


def _services(parameters: tuple[Parameter, ...]) -> Section:
    title = "Configuration of DIMSE services"
    if not parameters:
        return absent(title, "No active plugin publishes a setting.")
    return Section(title=title, blocks=(_table("Settings of plugins", parameters),))


def _table(caption: str, parameters: tuple[Parameter, ...]) -> Table:
    rows = tuple((f"{p.section}.{p.name}", p.default, p.value, p.description) for p in parameters)
    return Table(caption, ("Setting", "Default", "Here", "Meaning"), rows)


def _local_titles(statement: Statement) -> Section:
    port = str(statement.port) if statement.port else "any free one"
    rows = [(statement.aet, "the archive", statement.host, port)]
    commands = sorted({each.calling_aet for each in statement.initiations if each.calling_aet})
    rows += [(aet, "commands that call peers (--aet)", "none", "none") for aet in commands]
    columns = ("AE title", "Application Entity", "Listens on", "TCP port")
    return Section(
        title="Local AE titles", blocks=(Table("Local AE titles", columns, tuple(rows)),)
    )


def _peers(statement: Statement) -> Section:
    title = "Remote AE titles and presentation addresses"
    blocks: tuple[Block, ...] = (
        Text("None. No [peers.NAME] is configured: no AE title is known as a destination."),
    )
    if statement.peers:
        rows = tuple((p.aet, p.host, str(p.port), yes_no(p.tls)) for p in statement.peers)
        columns = ("AE title", "Host", "TCP port", "TLS")
        blocks = (Table("Peers that the archive may connect to", columns, rows),)
    return Section(title=title, blocks=blocks)
