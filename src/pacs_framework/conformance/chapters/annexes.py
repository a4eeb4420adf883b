"""The annexes: objects, content, security details, attributes, code sets."""

from __future__ import annotations

from pacs_framework.conformance.chapters.common import absent
from pacs_framework.conformance.document import Section, Text
from pacs_framework.conformance.records import Topic
from pacs_framework.conformance.statement import Statement

__all__ = ["annexes"]


def annexes(statement: Statement) -> tuple[Section, ...]:
    """All of them, labelled as the template does."""
    return (
        _objects(),
        _labelled(
            "A.B",
            absent("Structured Report content encoding", "No Structured Report is created."),
        ),
        _labelled(
            "A.C",
            absent("Security details", "No profile is claimed that asks for more than chapter 8."),
        ),
        _attributes(statement),
        _labelled(
            "A.E",
            absent("Code set usage", "Coded values are kept as received; none is created."),
        ),
    )


def _labelled(label: str, section: Section) -> Section:
    section.label = label
    return section


def _objects() -> Section:
    return Section(
        title="Information Object Definitions",
        label="A.A",
        sections=(
            absent("Created IODs", "The archive creates no instances."),
            absent(
                "Private attributes",
                "None is added. Those of others are kept, answered where a query names them with "
                "their creator, and sent on.",
            ),
        ),
    )


def _attributes(statement: Statement) -> Section:
    deciding = [plugin.name for plugin in statement.plugins if "on_store" in plugin.decides]
    if deciding:
        text = (
            f"These plugins may change data elements of an instance before it is stored: "
            f"{', '.join(deciding)}. The sender then gets B000H."
        )
    else:
        text = "None. Data elements are kept as they were received."
    changing = [plugin.name for plugin in statement.plugins if "on_retrieve" in plugin.decides]
    if changing:
        text += (
            f" What is sent may have other data elements than what is stored, by these plugins: "
            f"{', '.join(changing)}."
        )
    remarks = [each.text for each in statement.remarks if each.topic is Topic.COERCION]
    texts = [
        text,
        *remarks,
        (
            "The file meta information (group 0002) of an instance that came by C-STORE is "
            "written here: Implementation Class UID "
            f"{statement.association.implementation_class_uid}, Implementation Version Name "
            f"{statement.association.implementation_version_name}."
        ),
    ]
    return Section(
        title="Mapping and coercion of attributes", label="A.D", blocks=tuple(map(Text, texts))
    )
