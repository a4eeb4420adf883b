"""Profile files: what they may say, what is wrong with them, and what the linter finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pacs_anonymize.engine.options import Option
from pacs_anonymize.engine.profile import Action, ByPrivate, ByTag, ByVR
from pacs_anonymize.names import DESCRIPTIONS, SHIPPED
from pacs_anonymize.profiles.known import profile_named, profiles_of, shipped_text
from pacs_anonymize.profiles.lint import Severity, lint
from pacs_anonymize.profiles.reading import UnreadableProfile, load_profile
from pacs_anonymize.settings import AnonymizeSettings
from pacs_framework.cli.main import main
from pacs_framework.errors import ConfigurationError

SITE = """
description = "What our studies may tell"
base = "basic"
options = ["retain-uids"]

[[rule]]
keyword = "PatientAge"
action = "K"
why = "the study is about age"
when = 'Modality == "CT"'

[[rule]]
tag = "(0008,1030)"
action = "D"
value = "STUDY A"

[[rule]]
private = { creator = "ACME 1.0", element = "1E" }
action = "K"
why = "a dose"

[[rule]]
group = "60xx"
action = "X"

[[rule]]
vr = "PN"
action = "Z"
name = "no names"

[[refuse]]
when = 'BurnedInAnnotation == "YES"'
reason = "text in its pixels"
"""


def lint_command(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["anonymize", "lint", *map(str, arguments)])


def messages(text: str, severity: Severity) -> list[str]:
    return [
        f"{finding.place}: {finding.message}"
        for finding in lint(text, "test")[1]
        if finding.severity is severity
    ]


def test_a_profile_file_becomes_the_rules_that_it_says() -> None:
    loaded = load_profile(SITE, "site", "site.toml")
    assert loaded.description == "What our studies may tell"
    assert loaded.profile.options == {Option.RETAIN_UIDS}
    assert loaded.keeps_uids
    age, study, private, overlays, names = loaded.profile.rules
    assert (age.attributes, age.action) == (ByTag(0x00101010), Action.K)
    assert str(age.when) == 'Modality == "CT"'
    assert (study.attributes, study.action, study.value) == (ByTag(0x00081030), Action.D, "STUDY A")
    assert private.attributes == ByPrivate("ACME 1.0", element=0x1E)
    assert overlays.attributes == ByTag(0x60000000, 0xFF000000)
    assert (names.attributes, names.name) == (ByVR("PN"), "no names")
    assert [each.reason for each in loaded.refused] == ["text in its pixels"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("base = 'other'", "base: input should be 'basic'"),
        ("bas = 'basic'", "bas: this key is not known here"),
        ("options = ['retain-everything']", "options 1: input should be 'clean-graphics', "),
        ("[[rule]]\nkeyword = 'PatientName'", "rule 1, action: this key is required"),
        (
            "[[rule]]\naction = 'X'",
            "rule 1: a rule has one of tag, keyword, vr, private, group; here is none",
        ),
        (
            "[[rule]]\naction = 'X'\nvr = 'PN'\ngroup = '0010'",
            "rule 1: a rule has one of tag, keyword, vr, private, group; here is vr and group",
        ),
        ("[[rule]]\nkeyword = 'PatientNam'\naction = 'X'", "did you mean PatientName?"),
        ("[[rule]]\ntag = '10,10'\naction = 'X'", "'10,10' is no tag: write it as (0010,0010)"),
        ("[[rule]]\ntag = '(0029,1010)'\naction = 'X'", "is private: name it by its creator"),
        ("[[rule]]\nvr = 'XY'\naction = 'X'", "'XY' is no VR: there are AE, AS, "),
        (
            "[[rule]]\ngroup = '6xxx'\naction = 'X'",
            "'6xxx' is no group: write it as '0032' or '60xx'",
        ),
        ("[[rule]]\nkeyword = 'StudyID'\naction = 'X'\nvalue = '1'", "action X takes no value"),
        (
            "[[rule]]\nkeyword = 'StudyDate'\naction = 'D'\nvalue = 'May'",
            "'May' is no value of VR DA",
        ),
        ("[[rule]]\nkeyword = 'StudyDate'\naction = 'U'", "action U (new UID) is for UIDs"),
        (
            "[[rule]]\nkeyword = 'StudyID'\naction = 'X'\nwhen = 'Rows'",
            "rule 1, when: line 1, column 5: ",
        ),
        ("[[refuse]]\nwhen = 'Rows'\nreason = 'x'", "refuse 1, when: line 1, column 5: "),
        (
            "[[covers]]\nidentifier = 'x'\nattributes = ['Name']",
            "covers 1, attributes: 'Name' is no keyword",
        ),
        ("rule = [", "not valid TOML: "),
        (
            "options = ['retain-longitudinal-full-dates', 'retain-longitudinal-modified-dates']",
            "choose one (PS3.15 E.3.6)",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_profile(text, "site", "site.toml")
    assert problem in str(caught.value)
    assert [message for message in messages(text, Severity.ERROR) if problem in message]


def test_every_problem_is_told_at_once() -> None:
    text = "[[rule]]\nvr = 'XY'\naction = 'X'\n[[rule]]\nkeyword = 'PatientName'\naction = 'Q'\n"
    with pytest.raises(UnreadableProfile) as caught:
        load_profile(text, "site", "site.toml")
    assert {problem.place for problem in caught.value.problems} == {"rule 1", "rule 2, action"}


RULE = "[[rule]]\n{what}\naction = '{action}'\n{more}\n"


def rules(*entries: tuple[str, str, str]) -> str:
    return "".join(
        RULE.format(what=what, action=action, more=more) for what, action, more in entries
    )


@pytest.mark.parametrize(
    ("first", "second", "shadowed"),
    [
        ("group = '0010'", "keyword = 'PatientName'", True),
        ("group = '50xx'", "tag = '(5002,3000)'", True),
        ("tag = '(5002,3000)'", "group = '50xx'", False),
        ("private = { creator = 'A' }", "private = { creator = 'A', element = '10' }", True),
        ("private = { creator = 'A', element = '10' }", "private = { creator = 'A' }", False),
        ("private = { creator = 'A' }", "private = { creator = 'B' }", False),
        ("vr = 'PN'", "vr = 'PN'", True),
        # In a file an attribute may come with another VR than that of the dictionary.
        ("vr = 'PN'", "keyword = 'PatientName'", False),
    ],
)
def test_a_rule_that_never_applies_is_a_warning(first: str, second: str, shadowed: bool) -> None:
    found = messages(rules((first, "X", ""), (second, "X", "")), Severity.WARNING)
    told = "rule 2: it never applies: rule 1 comes first and is for the same attributes"
    assert found == ([told] if shadowed else [])


@pytest.mark.parametrize(
    ("one", "other", "shadowed"),
    [
        ("", "", True),
        ("Rows == 1", "", False),
        ("", "Rows == 1", True),
        ("Rows == 1", "Rows == 1", True),
    ],
)
def test_a_condition_leaves_room_for_later_rules(one: str, other: str, shadowed: bool) -> None:
    what = "keyword = 'StudyID'"
    more = [f"when = '{each}'" if each else "" for each in (one, other)]
    found = messages(rules((what, "X", more[0]), (what, "X", more[1])), Severity.WARNING)
    assert bool(found) is shadowed


@pytest.mark.parametrize(
    ("what", "action", "weakens"),
    [
        ("keyword = 'PatientName'", "K", "PatientName"),
        ("keyword = 'PatientName'", "C", "PatientName"),
        ("keyword = 'PatientName'", "X", ""),
        ("keyword = 'Rows'", "K", ""),
        ("keyword = 'RetrieveURL'", "K", "RetrieveURL (0008,1190)"),
        ("group = '0010'", "K", "more"),
        ("vr = 'PN'", "K", "more"),
        ("private = { creator = 'A' }", "K", "every private attribute of creator 'A'"),
    ],
)
def test_a_rule_that_weakens_the_standard_says_why(what: str, action: str, weakens: str) -> None:
    found = messages(rules((what, action, "")), Severity.WARNING)
    assert bool(found) is bool(weakens)
    assert all(weakens in message for message in found)
    assert messages(rules((what, action, "why = 'it is meant'")), Severity.WARNING) == []


def test_what_an_option_keeps_anyway_is_not_weakened() -> None:
    text = "options = ['retain-patient-characteristics']\n" + rules(
        ("keyword = 'PatientAge'", "K", "")
    )
    assert messages(text, Severity.WARNING) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ""),
        (
            rules(("keyword = 'StudyDate'", "K", "why = 'x'\nwhen = 'Rows == 1'")),
            "is left by rule 1",
        ),
        (rules(("keyword = 'StudyDate'", "X", ""), ("vr = 'DA'", "K", "why = 'x'")), ""),
        ("options = ['retain-longitudinal-full-dates']\n", "is left by an option"),
    ],
)
def test_a_claim_that_does_not_hold_is_an_error(text: str, reason: str) -> None:
    claim = "[[covers]]\nidentifier = 'dates'\nattributes = ['StudyDate']\n"
    told = [f"covers dates: StudyDate {reason}"] if reason else []
    assert messages(text + claim, Severity.ERROR) == told


def test_a_claim_on_what_the_standard_leaves_is_an_error() -> None:
    claim = "[[covers]]\nidentifier = 'size'\nattributes = ['Rows']\n"
    told = "covers size: Rows is not in Table E.1-1, and no rule removes it"
    assert messages(claim, Severity.ERROR) == [told]


# --- the command ----------------------------------------------------------------------------------


def test_lint_explains_each_rule_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(SITE)
    done = lint_command(file)
    assert done.exit_code == 0, done.output
    assert (
        "rule 1: PatientAge (0010,1010) is kept as it is, if "
        'Modality == "CT" (Table E.1-1: X). Reason: the study is about age'
    ) in done.output
    assert "rule 2: StudyDescription (0008,1030) is replaced by 'STUDY A'" in done.output
    assert "rule 4: Every attribute of groups 60xx is removed." in done.output
    assert "no findings" in done.output


def test_lint_ends_with_1_on_an_error_only(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(rules(("keyword = 'PatientName'", "K", "")))
    warned = lint_command(file, "--json")
    assert warned.exit_code == 0
    assert [each["severity"] for each in json.loads(warned.stdout)["findings"]] == ["warning"]
    file.write_text("nothing = 1")
    wrong = lint_command(file, "--json")
    assert wrong.exit_code == 1
    assert json.loads(wrong.stdout)["findings"] == [
        {"severity": "error", "place": "nothing", "message": "this key is not known here"}
    ]
    assert lint_command(tmp_path / "missing.toml").exit_code == 1


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_profiles_have_no_findings(name: str) -> None:
    assert lint(shipped_text(name), name)[1] == []
    assert lint_command(name).exit_code == 0


def test_what_is_told_of_a_profile_without_loading_it_is_what_it_says() -> None:
    loaded = profiles_of(AnonymizeSettings())
    assert {name: each.description for name, each in loaded.items()} == DESCRIPTIONS
    assert not any(each.keeps_uids for each in loaded.values())


def test_an_unknown_profile_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'hipaa-safe-harbor'"):
        profile_named("hipaa-safe-harbour", AnonymizeSettings())
