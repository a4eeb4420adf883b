"""5 Service and interoperability description: what each service does, beyond its contexts."""

from __future__ import annotations

from pacs_framework.conformance.chapters.common import absent, of_family, yes_no
from pacs_framework.conformance.chapters.overview import character_sets
from pacs_framework.conformance.document import Block, Section, Table, Text
from pacs_framework.conformance.names import Family, family_of, tag_text
from pacs_framework.conformance.records import (
    Initiation,
    Matching,
    QueryKey,
    ServiceConformance,
    Topic,
)
from pacs_framework.conformance.statement import ServiceFact, Statement

__all__ = ["services"]

_WHY_ABSENT = {
    Family.COMMITMENT: (
        "No active plugin offers Storage Commitment. The SUCCESS of a C-STORE says the same of one "
        "instance: it is durable and indexed."
    ),
}
_NOT_OFFERED = "No active plugin offers it, as SCU or as SCP."
_DUPLICATES = {
    "ignore": (
        "The first one stays. An identical instance is answered with 0000H, one of other content "
        "with B000H and an Error Comment; it is not kept."
    ),
    "replace": (
        "The new one takes the place of the old one. Where its study or its patient is protected, "
        "the old one stays, and the new one is refused with 0111H."
    ),
    "reject": "The new one is refused with 0111H.",
}


def services(statement: Statement) -> Section:
    """The chapter."""
    return Section(
        title="Service and interoperability description",
        sections=(
            _mapping(statement),
            Section(
                title="DIMSE services",
                sections=tuple(_family(statement, family) for family in Family),
            ),
            absent("DICOM Web Services", "No active plugin declares a DICOM Web Service."),
            absent("Media services", "No DICOM media is read or written."),
            absent("Real-Time Video services", "DICOM-RTV streams are neither sent nor received."),
            _cross_service(statement),
            character_sets(statement),
        ),
    )


def _mapping(statement: Statement) -> Section:
    rows = [
        (_title(fact), fact.family, fact.role.value, statement.aet, fact.plugin)
        for fact in statement.services
    ]
    rows += [
        (each.activity, _families(each), "SCU", each.calling_aet or statement.aet, "(initiated)")
        for each in statement.initiations
    ]
    title = "Mapping of services to Application Entities"
    if not rows:
        return absent(title, "No active plugin offers a DIMSE service.")
    columns = ("Service", "Service class", "Role", "Application Entity", "Plugin")
    return Section(title=title, blocks=(Table("Services", columns, tuple(rows)),))


def _families(initiation: Initiation) -> str:
    return ", ".join(sorted({family_of(uid) for uid in initiation.sop_classes}))


def _title(fact: ServiceFact) -> str:
    return fact.record.title if fact.record is not None else ", ".join(fact.commands)


def _family(statement: Statement, family: Family) -> Section:
    facts = of_family(statement, family)
    initiations = [
        each
        for each in statement.initiations
        if any(family_of(uid) is family for uid in each.sop_classes)
    ]
    title = family.value if family is Family.OTHER else f"{family} service"
    if not facts and not initiations:
        return absent(title, _WHY_ABSENT.get(family, _NOT_OFFERED))
    return Section(
        title=title,
        sections=(*map(_service, facts), *map(_initiated, initiations)),
    )


def _initiated(initiation: Initiation) -> Section:
    text = (
        f"As SCU, when {initiation.when}. Proposed: {initiation.proposal}. The presentation "
        "contexts and statuses are in chapter 7."
    )
    return Section(title=initiation.activity, blocks=(Text(text),))


def _service(fact: ServiceFact) -> Section:
    title = f"{_title(fact)} as {fact.role}"
    record = fact.record
    if record is None:
        text = Text(
            f"The service {fact.service!r} of the plugin {fact.plugin!r} answers "
            f"{', '.join(fact.commands)} on {len(fact.sop_classes)} SOP classes. Its behaviour is "
            "undocumented by the plugin."
        )
        return Section(title=title, blocks=(text,))
    return Section(title=title, blocks=_described(fact, record), sections=_keys(record))


def _described(fact: ServiceFact, record: ServiceConformance) -> tuple[Block, ...]:
    blocks: list[Block] = [Text(text) for text in record.behaviour]
    if len(fact.sop_classes) < _MANY:
        rows = tuple((each.name, each.uid) for each in fact.sop_classes)
        blocks.append(Table("SOP classes", ("SOP class", "UID"), rows))
    if record.extended_negotiation:
        options = tuple(
            (each.option, yes_no(each.agreed), each.note) for each in record.extended_negotiation
        )
        columns = ("Option", "Agreed to", "Note")
        blocks.append(Table("SOP class extended negotiation (PS3.4 C.5)", columns, options))
    return tuple(blocks)


_MANY = 20  # of which chapter 1 has the list


# --- keys of C-FIND -----------------------------------------------------------------------------


def _keys(record: ServiceConformance) -> tuple[Section, ...]:
    levels = tuple(dict.fromkeys(key.level for key in record.keys))
    sections = [_level(record, level) for level in levels]
    if record.vr_matching:
        rows = tuple((vr, _kinds(kinds)) for vr, kinds in record.vr_matching)
        table = Table("Matching by VR", ("VR", "Matching"), rows)
        text = Text("Keys that no table lists are matched by their VR.")
        sections.append(Section(title="Other keys", blocks=(text, table)))
    return tuple(sections)


def _level(record: ServiceConformance, level: str) -> Section:
    rows = tuple(_key(key) for key in record.keys if key.level == level)
    columns = ("Key", "Tag", "VR", "Type", "Matching", "Note")
    table = Table(f"Keys at level {level} (U unique, R required, O optional)", columns, rows)
    return Section(title=f"Level {level}", blocks=(table,))


def _key(key: QueryKey) -> tuple[str, ...]:
    none = "not matched" if key.returned else "not supported"
    return (
        key.keyword,
        tag_text(key.tag),
        key.vr,
        key.key_type,
        _kinds(key.matching) or none,
        key.note,
    )


def _kinds(kinds: tuple[Matching, ...]) -> str:
    return ", ".join(kind.value for kind in kinds)


# --- across services ----------------------------------------------------------------------------


def _cross_service(statement: Statement) -> Section:
    duplicates = (
        "A second instance with a SOP Instance UID that is stored already "
        f"([archive] duplicates = {statement.duplicates!r}): {_DUPLICATES[statement.duplicates]}"
    )
    texts = [duplicates]
    texts += [each.text for each in statement.remarks if each.topic is Topic.STORAGE]
    deciding = [plugin.name for plugin in statement.plugins if "on_store" in plugin.decides]
    if deciding:
        texts.append(
            "Each instance is judged before it is stored, and may be refused or changed, by the "
            f"plugins {', '.join(deciding)}."
        )
    else:
        texts.append("No active plugin refuses or changes instances before they are stored.")
    sending = [plugin.name for plugin in statement.plugins if "on_retrieve" in plugin.decides]
    if sending:
        texts.append(
            "Each instance is judged before it is sent, and may be refused or changed for its "
            f"receiver, by the plugins {', '.join(sending)}."
        )
    return Section(title="Cross-service considerations", blocks=tuple(map(Text, texts)))
