"""1 Overview: what this installation does, on a page."""

from __future__ import annotations

from pacs_framework.conformance.chapters.common import absent, roles_in, yes_no
from pacs_framework.conformance.chapters.security import de_identification
from pacs_framework.conformance.document import Block, Bullets, Section, Table, Text
from pacs_framework.conformance.names import Family, named
from pacs_framework.conformance.records import Role, Topic
from pacs_framework.conformance.statement import Statement

__all__ = ["character_sets", "overview"]

_WITHOUT_TABLE = frozenset({Family.STORAGE})
_NO_WEB = "No active plugin declares a DICOM Web Service."
_NO_MEDIA = (
    "The archive reads and writes no DICOM media: pacs import takes single files in and makes no "
    "use of a DICOMDIR."
)


def overview(statement: Statement) -> Section:
    """The chapter."""
    return Section(
        title="Overview",
        blocks=tuple(_head(statement)),
        sections=(
            _content_and_transfer(statement),
            _dimse_services(statement),
            absent("DICOM Web Services", _NO_WEB),
            absent("Media services", _NO_MEDIA),
            absent("Real-Time Video service", "DICOM-RTV streams are neither sent nor received."),
            de_identification(statement, "De-identification profiles"),
            character_sets(statement),
        ),
    )


def _head(statement: Statement) -> list[Block]:
    plugins = ", ".join(plugin.name for plugin in statement.plugins) or "none"
    blocks: list[Block] = [
        Text(
            f"{statement.product} is a DICOM archive made of plugins. What it offers depends on "
            "the plugins that are active and on the configuration: this statement is of one "
            f"installation, with the plugins {plugins}."
        )
    ]
    if statement.deviations:
        blocks += [Text("Deviations from the standard:"), Bullets(statement.deviations)]
    return blocks


def _content_and_transfer(statement: Statement) -> Section:
    roles = roles_in(statement, Family.STORAGE)
    rows = tuple(
        (named(uid).name, uid, yes_no(Role.SCU in played), yes_no(Role.SCP in played))
        for uid, played in sorted(roles.items(), key=lambda item: named(item[0]).name)
    )
    inner = absent(
        "Structured Reporting root template IDs",
        "Structured Reports are kept and given out like other instances; none is created or read.",
    )
    if not rows:
        text = Text("None. No active plugin sends or receives instances.")
        return Section(title="Content and transfer", blocks=(text,), sections=(inner,))
    table = Table(
        "Storage SOP classes: sent (SCU) and received (SCP)",
        ("SOP class", "UID", "SCU", "SCP"),
        rows,
    )
    text = Text(
        "Instances are received, kept and sent. None is created, displayed or changed, except "
        "where a plugin says so below."
    )
    return Section(title="Content and transfer", blocks=(text, table), sections=(inner,))


def _dimse_services(statement: Statement) -> Section:
    return Section(
        title="DIMSE services",
        sections=tuple(_family(statement, family) for family in _order()),
    )


def _order() -> tuple[Family, ...]:
    first = (Family.VERIFICATION, Family.STORAGE)
    return (*first, *(family for family in Family if family not in first))


def _family(statement: Statement, family: Family) -> Section:
    roles = roles_in(statement, family)
    if not roles:
        return absent(family, "No active plugin offers it, as SCU or as SCP.")
    if family in _WITHOUT_TABLE:
        text = f"{len(roles)} SOP classes, listed under Content and transfer."
        return Section(title=family, blocks=(Text(text),))
    rows = tuple(
        (named(uid).name, uid, yes_no(Role.SCU in played), yes_no(Role.SCP in played))
        for uid, played in sorted(roles.items())
    )
    table = Table(f"{family}: roles", ("SOP class", "UID", "SCU", "SCP"), rows)
    return Section(title=family, blocks=(table,))


def character_sets(statement: Statement) -> Section:
    """Which are understood, and which answers come in."""
    answers = ", ".join(statement.answer_character_sets)
    blocks: list[Block] = [
        Text(
            "Instances are kept in the character set that they came in. To be indexed and queried, "
            "text is decoded from these, code extensions included (PS3.5 section 6.1.2.5): "
            f"{', '.join(statement.character_sets)}. What cannot be decoded is kept all the same."
        ),
        Text(
            "An answer to a query comes in the Specific Character Set (0008,0005) of the request "
            f"if that one can carry the text, else in the first of {answers} that can. Text in "
            "ASCII alone comes without the attribute."
        ),
    ]
    blocks += [Text(each.text) for each in statement.remarks if each.topic is Topic.CHARACTER_SETS]
    return Section(title="Specific Character Sets", blocks=tuple(blocks))
