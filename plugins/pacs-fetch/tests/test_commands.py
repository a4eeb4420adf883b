"""``pacs fetch``: what would be fetched and why, what differs, and what came."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fetch_peers import DAY, OtherPacs, config_of, study
from pydicom import Dataset

from pacs_framework.cli.main import main
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.process import ServedArchive

STEP = ("--patient-id", "P1", "--patient-name", "Doe^Jane", "--modality", "CT", "--station", "CT1")


def step_on(day: str) -> tuple[str, ...]:
    """Of `pacs worklist add`."""
    return (*STEP, "--start", f"{day}T0900", "--description", "CT Thorax")


@pytest.fixture
def config(other: OtherPacs, tmp_path: Path) -> Path:
    """A file of an archive that does not run."""
    file = tmp_path / "pacs.toml"
    data = f'[archive]\ndata = "{tmp_path / "data"}"\n'
    file.write_text(data + config_of(other.port, attempts=1), "utf-8")
    return file


def run(config: Path, *arguments: object, code: int = 0) -> str:
    """What a command prints."""
    done = CliRunner().invoke(main, [*map(str, arguments), "--config", str(config)])
    assert done.exit_code == code, (done.output, done.exception)
    return done.stdout


def as_json(config: Path, *arguments: object, code: int = 0) -> Any:
    return json.loads(run(config, *arguments, "--json", code=code))


def test_a_dry_run_says_what_and_why(config: Path, other: OtherPacs) -> None:
    """And fetches nothing, however often."""
    other.has = [
        *study("2.25.1"),
        *study("2.25.2", StudyDescription="CT Kopf"),
        *study("2.25.3", PatientID="P2"),
    ]
    run(config, "worklist", "add", *step_on(DAY))
    told = as_json(config, "fetch", "priors", "--date", DAY, "--dry-run")
    assert (told["first"], told["last"], told["wanted"], told["queued"]) == (DAY, DAY, 1, 0)
    (patient,) = told["patients"]
    assert patient["patient_id"] == "P1"
    assert patient["steps"][0]["regions"] == ["chest"]
    first, second = patient["priors"]
    assert first == {
        "source": "old",
        "study_instance_uid": "2.25.1",
        "study_date": "20260301",
        "modalities": ["CT"],
        "description": "CT THORAX",
        "regions": ["chest"],
        "there": 2,
        "here": 0,
        "for_step": patient["steps"][0]["scheduled_procedure_step_id"],
        "score": 100,
        "why": "same modality CT, same region chest",
        "verdict": "fetch",
    }
    assert (second["score"], second["verdict"]) == (20, "not relevant")
    text = run(config, "fetch", "priors", "--date", DAY, "--dry-run")
    assert "same modality CT, another region" in text
    assert "1 patients, 1 studies would be fetched" in text
    (source,) = as_json(config, "fetch", "sources")
    assert source["waiting"] == 0
    assert other.moved == []


def test_without_an_archive_they_wait(config: Path, other: OtherPacs) -> None:
    other.has = study("2.25.1")
    run(config, "worklist", "add", *step_on(DAY))
    assert as_json(config, "fetch", "priors", "--date", DAY)["queued"] == 1
    assert "1 studies queued" in run(config, "fetch", "priors", "--date", DAY)
    (source,) = as_json(config, "fetch", "sources")
    assert (source["where"], source["waiting"]) == (f"OLD at 127.0.0.1:{other.port}", 1)
    assert "ready" in run(config, "fetch", "sources")


def test_who_comes_another_day_is_not_asked_about(config: Path, other: OtherPacs) -> None:
    run(config, "worklist", "add", *step_on("20991125"))
    assert as_json(config, "fetch", "priors", "--date", DAY)["patients"] == []
    assert as_json(config, "fetch", "priors")["patients"] == []
    assert other.asked == []
    assert len(as_json(config, "fetch", "priors", "--date", "20991120-20991130")["patients"]) == 1


def test_answers_about_others_are_an_exit_code(config: Path, other: OtherPacs) -> None:
    other.has = study("2.25.1")

    def lie(_level: str, answer: Dataset) -> list[Dataset]:
        wrong = deepcopy(answer)
        wrong.PatientID = "P2"
        return [answer, wrong]

    other.lie = lie
    run(config, "worklist", "add", *step_on(DAY))
    told = as_json(config, "fetch", "priors", "--date", DAY, "--dry-run", code=1)
    assert (told["wanted"], told["refused"], told["incomplete"]) == (1, 1, 0)
    other.go()
    told = as_json(config, "fetch", "priors", "--date", DAY, "--dry-run", code=1)
    assert (told["wanted"], told["incomplete"]) == (0, 1)


def test_a_report_of_differences(config: Path, other: OtherPacs) -> None:
    other.has = study("2.25.1")
    dates = ("--study-date", "20260301-20260331")
    told = as_json(config, "fetch", "compare", "old", *dates, code=1)
    assert told == {
        "source": "old",
        "dates": "20260301-20260331",
        "there": 1,
        "here": 0,
        "only_there": 1,
        "only_here": 0,
        "differs": 0,
        "studies": [
            {
                "study_instance_uid": "2.25.1",
                "study_date": "20260301",
                "state": "only there",
                "there": 2,
                "here": 0,
                "series": [],
                "only_there": 0,
                "only_here": 0,
                "named_there": [],
                "named_here": [],
            }
        ],
    }
    text = run(config, "fetch", "compare", "old", *dates, code=1)
    assert "1 studies there, 0 here: 1 only there, 0 only here, 0 differ" in text
    assert as_json(config, "fetch", "compare", "old", "--study-date", "20250101")["studies"] == []


def test_all_dates_unless_told_otherwise(config: Path, other: OtherPacs) -> None:
    """From 1970 on, in as few questions as one likes."""
    other.has = [*study("2.25.1", StudyDate="19700101"), *study("2.25.2")]
    told = as_json(config, "fetch", "compare", "old", "--slice", "36500", "--limit", "1", code=1)
    assert (told["only_there"], len(told["studies"])) == (2, 1)
    assert told["dates"].startswith("19700101-")
    assert len(other.asked) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("compare", "new"), "there is no source 'new' (known: old)"),
        (("pull", "new"), "there is no source 'new' (known: old)"),
        (("pull", "old"), "no archive is running"),
        (("compare", "old", "--study-date", "2026"), "'2026' is no date"),
        (("compare", "old", "--level", "patient"), "'patient' is not one of"),
        (("priors", "--date", "tomorrow"), "is no date"),
    ],
)
def test_mistakes_are_told(config: Path, arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(main, ["fetch", *arguments, "--config", str(config)])
    assert done.exit_code in (1, 2)
    assert said in done.stderr


def test_a_source_that_is_away_is_one_line(config: Path, other: OtherPacs) -> None:
    other.go()
    done = CliRunner().invoke(main, ["fetch", "compare", "old", "--config", str(config)])
    assert done.exit_code == 1
    assert f"source 'old', OLD at 127.0.0.1:{other.port}: cannot connect" in done.stderr


def served(archives: Archives, other: OtherPacs) -> ServedArchive:
    return archives.served(config=config_of(other.port, attempts=1))


def test_a_pull_waits_and_counts_again(pacs_archive: Archives, other: OtherPacs) -> None:
    """What comes, what does not, and what a peer counts wrong."""
    other.has = [*study("2.25.1"), *study("2.25.2"), *study("2.25.3")]

    def lie(level: str, answer: Dataset) -> list[Dataset]:
        if level == "STUDY" and answer.StudyInstanceUID == "2.25.2":
            answer.NumberOfStudyRelatedInstances = 5
        return [answer]

    other.lie = lie
    other.send = lambda some: some[:1] if some[0].StudyInstanceUID == "2.25.3" else some
    archive = served(pacs_archive, other)
    arguments = ("fetch", "pull", "old", "--config", archive.config, "--slice", "9999", "--json")
    done = archive.run(*arguments)
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert told["queued"] == 3
    found = {each["study"]: each for each in told["studies"]}
    assert {uid: (each["done"], each["there"], each["here"]) for uid, each in found.items()} == {
        "2.25.1": (True, 2, 2),
        "2.25.2": (True, 5, 2),
        "2.25.3": (False, 2, 1),
    }
    assert "1 instances are not here" in found["2.25.3"]["error"]
    other.send = lambda some: some
    done = archive.run(*arguments[:-1])
    assert done.returncode == 0, done.stderr
    assert "2 studies fetched, 0 failed" in done.stdout
    assert "2.25.2: 2 instances are here, all that the source names; it counts 5" in done.stderr
