"""``pacs delete``, ``deletions``, ``protect`` and ``label``: what they do, print and refuse."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pacs_framework.app import App, configure
from pacs_framework.cli.main import main
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send

Pacs = Any


@pytest.fixture
def pacs(tmp_path: Path) -> Pacs:
    """Run ``pacs`` on an archive with three instances in two studies."""
    data = tmp_path / "data"
    configured = configure(None, {"archive": {"data": str(data)}})
    with closing(configured.plugins), App(configured, listen=False, feed=False) as app:
        for number, study in ((1, "1.2.3"), (2, "1.2.3"), (3, "1.2.9")):
            image = mr_image(number, StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1")
            send(app.archive, encoded(image), announced(number))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--data", str(data)])

    return run


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_dry_run_tells_what_would_go_and_changes_nothing(pacs: Pacs) -> None:
    for _ in range(2):
        would = told(pacs("delete", "--study", "1.2.3", "--dry-run", "--json"))
        assert (would["studies"], would["instances"], would["protected"]) == (1, 2, [])
    assert pacs("delete", "--patient", "P1", "--dry-run").stdout.startswith(
        "would delete 3 instances of 2 series in 2 studies, "
    )


def test_a_deletion_is_done_and_listed(pacs: Pacs) -> None:
    """With who, why and how much; a second one finds nothing."""
    wanted = ("delete", "--study", "1.2.3", "--reason", "wrong", "--by", "Ann", "--yes")
    done = told(pacs(*wanted, "--json"))
    assert (done["instances"], done["left"]) == (2, 0)
    again = pacs(*wanted)
    assert again.exit_code == 1
    assert "nothing like that" in again.output
    (listed,) = told(pacs("deletions", "--json"))
    assert (listed["by"], listed["reason"], listed["door"]) == ("Ann", "wrong", "cli")
    assert (listed["study"], listed["instances"], listed["size"]) == ("1.2.3", 2, done["size"])
    assert "study 1.2.3" in pacs("deletions").stdout
    assert told(pacs("verify", "--json")) == {"instances": 1, "findings": []}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--reason", "x", "--yes"], "name a patient or a UID"),
        (["--study", "1.2.3", "--yes"], "--reason"),
        (["--study", "1.2.3", "--reason", "x"], "add --yes"),
        (["--study", "one", "--reason", "x", "--yes"], "'one' is no UID"),
        (["--issuer", "H", "--study", "1.2.3", "--dry-run"], "add --patient"),
    ],
)
def test_what_is_not_clear_is_asked_for_and_nothing_goes(
    pacs: Pacs, arguments: list[str], why: str
) -> None:
    refused = pacs("delete", *arguments)
    assert refused.exit_code == 2
    assert why in refused.output
    assert told(pacs("verify", "--json"))["instances"] == 3


def test_what_is_protected_stays_until_it_is_no_longer(pacs: Pacs) -> None:
    """The list tells why; a dry run says so too."""
    assert pacs("protect", "add", "--patient", "P1", "--reason", "lawsuit").exit_code == 0
    assert "already" in pacs("protect", "add", "--patient", "P1", "--reason", "x").output
    wanted = ("delete", "--study", "1.2.3")
    assert pacs(*wanted, "--dry-run").exit_code == 1
    refused = pacs(*wanted, "--reason", "x", "--yes")
    assert refused.exit_code == 1
    assert "a protected patient must be kept" in refused.output
    (listed,) = told(pacs("protect", "list", "--json"))
    assert (listed["patient_id"], listed["issuer"], listed["reason"]) == ("P1", "", "lawsuit")
    assert "patient P1" in pacs("protect", "list").stdout
    assert pacs("protect", "remove", "--patient", "P1").exit_code == 0
    assert pacs("protect", "remove", "--patient", "P1").exit_code == 1
    assert pacs(*wanted, "--reason", "x", "--yes").exit_code == 0


def test_labels_come_and_go(pacs: Pacs) -> None:
    """On patients and studies; listed by name, by what has them, or all."""
    assert pacs("label", "add", "research", "--study", "1.2.3", "--by", "Ann").exit_code == 0
    assert pacs("label", "add", "vip", "--patient", "P1").exit_code == 0
    assert "already" in pacs("label", "add", "vip", "--patient", "P1").output
    assert len(told(pacs("label", "list", "--json"))) == 2
    (one,) = told(pacs("label", "list", "--study", "1.2.3", "--json"))
    assert (one["name"], one["study"], one["by"]) == ("research", "1.2.3", "Ann")
    assert [e["name"] for e in told(pacs("label", "list", "--name", "vip", "--json"))] == ["vip"]
    assert "patient P1" in pacs("label", "list").stdout
    assert pacs("label", "remove", "vip", "--patient", "P1").exit_code == 0
    assert pacs("label", "remove", "vip", "--patient", "P1").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["label", "add", "two words", "--study", "1.2.3"], "is no label"),
        (["label", "add", "one", "--study", "1.2.77"], "no such study"),
        (["protect", "add", "--patient", "nobody", "--reason", "x"], "no such patient"),
        (["protect", "add", "--reason", "x"], "name a study or a patient"),
        (["protect", "add", "--reason", "x", "--study", "1.2.3", "--patient", "P1"], "not both"),
    ],
)
def test_what_cannot_be_marked_is_refused(pacs: Pacs, arguments: list[str], why: str) -> None:
    refused = pacs(*arguments)
    assert refused.exit_code != 0
    assert why in " ".join(refused.output.split())
