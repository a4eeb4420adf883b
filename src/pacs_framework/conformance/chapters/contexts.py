"""7.2.x.3 and 7.2.x.4: the presentation contexts that are proposed, and those that are accepted."""

from __future__ import annotations

from pacs_framework.conformance.chapters.common import absent, roles_in, yes_no
from pacs_framework.conformance.document import Block, Bullets, Section, Table, Text
from pacs_framework.conformance.names import Family, named
from pacs_framework.conformance.records import Initiation, Role
from pacs_framework.conformance.statement import Statement

__all__ = ["acceptance", "initiation"]

_CHOICE = (
    "A presentation context is accepted with the first transfer syntax that it names and that is "
    "in the set. One without such a transfer syntax is answered with "
    "transfer-syntaxes-not-supported, one with an abstract syntax that is not accepted with "
    "abstract-syntax-not-supported (PS3.8 Table 9-18). The association is established also where "
    "no presentation context was accepted."
)
_ROLES = (
    "Sets are given for each role of this Application Entity. It is SCP by default; as SCU the "
    "requestor has to propose itself as SCP by role selection (PS3.7 D.3.3.4). Where a requestor "
    "proposes both roles and no transfer syntax serves both, it is accepted as SCU."
)


def initiation(statement: Statement, calling_aet: str) -> Section:
    """What an AE proposes, activity by activity; the archive's is named by an empty title."""
    title = "Association initiation"
    activities = [each for each in statement.initiations if each.calling_aet == calling_aet]
    if not activities:
        return absent(title, "No documented plugin opens associations from here.")
    sections = tuple(_activity(statement, activity) for activity in activities)
    return Section(title=title, sections=sections)


def _activity(statement: Statement, activity: Initiation) -> Section:
    text = (
        f"Opened when {activity.when}. Proposed: {activity.proposal}. The role is SCU; no "
        "extended negotiation is proposed."
    )
    return Section(
        title=activity.activity,
        blocks=(Text(text), _proposed(statement, activity), _syntaxes(statement, activity)),
    )


def _proposed(statement: Statement, activity: Initiation) -> Block:
    """The abstract syntaxes; where they are all that chapter 1 says SCU of, its table is enough."""
    storage = roles_in(statement, Family.STORAGE)
    if {uid for uid, roles in storage.items() if Role.SCU in roles} == {*activity.sop_classes}:
        number = len(activity.sop_classes)
        return Text(
            f"Abstract syntaxes: the {number} SOP classes with SCU in Content and transfer."
        )
    rows = tuple((named(uid).name, uid) for uid in activity.sop_classes)
    return Table(f"{activity.activity}: abstract syntaxes", ("Abstract syntax", "UID"), rows)


def _syntaxes(statement: Statement, activity: Initiation) -> Block:
    for each in statement.syntax_sets:
        if {syntax.uid for syntax in each.transfer_syntaxes} == {*activity.transfer_syntaxes}:
            return Text(f"Transfer syntaxes: those of set {each.name}.")
    rows = tuple((named(uid).name, uid) for uid in activity.transfer_syntaxes)
    return Table(f"{activity.activity}: transfer syntaxes", ("Transfer syntax", "UID"), rows)


def acceptance(statement: Statement) -> Section:
    """Who is let in, what is accepted, and how the rest is answered."""
    return Section(
        title="Association acceptance",
        blocks=(Text(_CHOICE),),
        sections=(
            Section(title="Acceptance policy", blocks=_policy(statement)),
            Section(title="Presentation contexts", blocks=_contexts(statement)),
            Section(title="Sets of transfer syntaxes", blocks=_sets(statement)),
            Section(title="Rejection of associations", blocks=(_rejections(statement),)),
        ),
    )


def _policy(statement: Statement) -> tuple[Block, ...]:
    if statement.association.check_called_aet:
        called = f"Only associations that call {statement.aet} are accepted."
    else:
        called = "Every called AE title is accepted ([network] check_called_aet is false)."
    rules = [called, *statement.acceptance]
    judging = [plugin for plugin in statement.plugins if "on_association" in plugin.decides]
    rules += [
        f"The plugin {plugin.name} judges each request; its rules are undocumented by the plugin."
        for plugin in judging
        if not plugin.documented
    ]
    if not judging:
        rules.append("Every calling AE title is accepted: no active plugin judges associations.")
    return (Bullets(tuple(rules)),)


def _contexts(statement: Statement) -> tuple[Block, ...]:
    if not statement.contexts:
        return (Text("None. No active plugin accepts a presentation context."),)
    rows = [
        (
            context.name,
            context.uid,
            context.as_scp or "No",
            context.as_scu or "No",
            yes_no(context.extended_negotiation),
        )
        for context in (*statement.contexts, statement.unlisted)
    ]
    columns = ("Abstract syntax", "UID", "As SCP", "As SCU", "Extended negotiation")
    table = Table("Presentation contexts that are accepted", columns, tuple(rows))
    return (Text(_ROLES), table)


def _sets(statement: Statement) -> tuple[Block, ...]:
    if not statement.syntax_sets:
        return (Text("None. No presentation context is accepted."),)
    return tuple(
        Table(
            f"Set {each.name}",
            ("Transfer syntax", "UID"),
            tuple((syntax.name, syntax.uid) for syntax in each.transfer_syntaxes),
        )
        for each in statement.syntax_sets
    )


def _rejections(statement: Statement) -> Table:
    rows = tuple(
        (each.result, each.source, f"{each.code} ({each.reason})", each.when)
        for each in statement.association.rejections
    )
    return Table("A-ASSOCIATE-RJ", ("Result", "Source", "Reason", "When"), rows)
