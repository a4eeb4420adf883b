"""``pacs patient``: what it prints, keeps and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pacs_framework.cli.main import main

Pacs = Any


@pytest.fixture
def pacs(tmp_path: Path) -> Pacs:
    """Run ``pacs patient`` on an archive of one's own."""
    config = tmp_path / "pacs.toml"
    config.touch()

    def run(verb: str, *arguments: str) -> Result:
        options = ["--config", str(config), "--data", str(tmp_path / "data")]
        return CliRunner().invoke(main, ["patient", verb, *options, *arguments])

    return run


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_correction_is_kept_with_who_and_why(pacs: Pacs) -> None:
    done = pacs("update", "4711", "PatientName=Doe^Jane", "--reason", "typo", "--by", "Ann")
    assert done.exit_code == 0
    assert done.stdout == "correction 1: update of 4711\n"
    (kept,) = told(pacs("history", "4711", "--json"))
    assert kept.pop("at").endswith("+00:00")
    assert kept == {
        "number": 1,
        "kind": "update",
        "patient": {"patient_id": "4711", "issuer": ""},
        "into": None,
        "by": "Ann",
        "reason": "typo",
        "before": {"PatientName": ""},
        "after": {"PatientName": "Doe^Jane"},
    }
    row = pacs("history").stdout.splitlines()[1]
    assert "Ann" in row
    assert "PatientName=Doe^Jane" in row


def test_a_merged_patient_is_shown_as_the_other(pacs: Pacs) -> None:
    pacs("merge", "A", "B", "--into-issuer", "HOSPITAL", "--reason", "one person")
    shown = told(pacs("show", "A", "--json"))
    assert (shown["patient_id"], shown["issuer"]) == ("B", "HOSPITAL")
    assert shown["merged"] == [{"patient_id": "A", "issuer": ""}]
    (listed,) = told(pacs("list", "--corrected", "--json"))
    assert listed == shown
    assert "B           HOSPITAL" in pacs("list", "--corrected").stdout
    assert pacs("unmerge", "A", "--reason", "two").stdout == "correction 2: unmerge of A\n"


def test_what_is_so_already_is_said(pacs: Pacs) -> None:
    change = ("update", "A", "PatientSex=F", "--reason", "x")
    pacs(*change)
    assert pacs(*change).stdout == "nothing to correct: it is so already\n"
    assert told(pacs(*change, "--json")) is None


def test_links_are_made_shown_and_taken_back(pacs: Pacs) -> None:
    """In tables and as JSON, from both ends."""
    why = ("--reason", "one person")
    made = pacs("link", "A", "B", "--other-issuer", "CLINIC", *why)
    assert made.stdout == "correction 1: link of A\n"
    again = pacs("link", "A", "B", "--other-issuer", "CLINIC", *why)
    assert again.stdout.startswith("nothing to correct")
    shown = told(pacs("show", "B", "--issuer", "CLINIC", "--json"))
    assert shown["linked"] == [{"patient_id": "A", "issuer": ""}]
    rows = [line.split() for line in pacs("show", "A").stdout.splitlines()]
    assert ["linked", "B", "(CLINIC)", "yes"] in rows
    listed = told(pacs("list", "--corrected", "--json"))
    assert [each["linked"][0]["patient_id"] for each in listed] == ["B", "A"]
    assert "B (CLINIC)" in pacs("list", "--corrected").stdout
    assert pacs("unlink", "B", "A", "--issuer", "CLINIC", *why).exit_code == 0
    kept = told(pacs("history", "A", "--json"))
    assert [(each["kind"], each["into"]["patient_id"]) for each in kept] == [
        ("link", "B"),
        ("unlink", "A"),
    ]
    assert told(pacs("show", "A", "--json"))["linked"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "A"), "no patient 'A'; `pacs patient list` shows those there are"),
        (("show", "B"), "no patient 'B' of this issuer; --issuer takes one of: 'HOSPITAL'"),
        (("update", "A", "PatientSex"), "'PatientSex' is no KEYWORD=VALUE of its own"),
        (("update", "A", "PatientSex=F", "PatientSex=M"), "is no KEYWORD=VALUE of its own"),
        (("update", "A", "PatientSex=Q"), "PatientSex is M, F or O, or empty"),
        (("merge", "A", "A"), "into itself"),
        (("merge", "A", "B", "--into-issuer", "HOSPITAL", "--new"), "merge where both are one"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    pacs: Pacs, arguments: tuple[str, ...], message: str
) -> None:
    pacs("update", "B", "--issuer", "HOSPITAL", "PatientSex=F", "--reason", "x")
    why = () if arguments[0] == "show" else ("--reason", "x")
    done = pacs(*arguments, *why)
    assert done.exit_code != 0
    assert message in done.stderr
    assert len(told(pacs("history", "--json"))) == 1


def test_a_list_that_was_cut_says_so(pacs: Pacs) -> None:
    for name in "ABC":
        pacs("update", name, "PatientSex=F", "--reason", "x")
    done = pacs("list", "--corrected", "--limit", "2")
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr == "there are more than 2; ask for more with --limit\n"
