"""A model over the past: which series it runs on, once, and as jobs of the running archive."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ai_archives import HERE, Ai, Start
from ai_phantom import ct_series
from click.testing import CliRunner, Result
from pydicom import Dataset

from pacs_ai.book import State
from pacs_ai.ordering import KIND
from pacs_ai.replaying import BadQuery, found_by, keys_of
from pacs_framework.cli.main import main
from pacs_framework.jobs import JobFilter
from pacs_jobs import plugin as jobs

Named = Callable[..., dict[str, Any]]


@pytest.fixture
def past() -> dict[str, list[Dataset]]:
    """Series of three months: two of CT, and one that says it is of MR."""
    return {
        "old": ct_series(StudyDate="20251231", SeriesDescription="CHEST"),
        "new": ct_series(StudyDate="20260102", SeriesDescription="ABDOMEN"),
        "mr": ct_series(StudyDate="20260103", Modality="MR"),
    }


@pytest.fixture
def ai(start: Start, python_model: Named, past: dict[str, list[Dataset]]) -> Ai:
    """An archive that holds them and does jobs."""
    made = start(python_model("Dense"), python_model("Raises"), others={"jobs": jobs})
    for images in past.values():
        made.running.take_in(*images)
    return made


@pytest.fixture
def config(ai: Ai, tmp_path: Path) -> Path:
    """For commands beside it."""
    path = tmp_path / "beside.toml"
    models = "".join(
        f'[[plugin.ai.models]]\nname = "{name.lower()}"\nversion = "1"\nload = '
        f'"ai_sample_models:{name}"\nfolder = "{HERE}"\nnetwork = true\n'
        for name in ("Dense", "Raises")
    )
    path.write_text(f'[archive]\ndata = "{ai.archive.data}"\n{models}')
    return path


def replay(config: Path, *arguments: object, code: int = 0) -> Result:
    words = ("ai", "replay", "--config", config, *arguments)
    result = CliRunner().invoke(main, list(map(str, words)))
    assert result.exit_code == code, result.output
    return result


def rows(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("StudyDate=20260101-", ["new"]),  # that of MR is none for the model
        ("SeriesDescription=CHEST", ["old"]),
        ("Modality=CT", ["new", "old"]),
        ("StudyDate=20260101-&Modality=MR", []),
        ("SeriesDescription=%41BD*", ["new"]),
        ("Rows=48&KVP=120&PatientID=P*", ["new", "old"]),  # of stored headers, too
        ("Rows=49", []),
    ],
)
def test_a_query_finds_series(
    ai: Ai, past: dict[str, list[Dataset]], query: str, expected: list[str]
) -> None:
    uids = {str(images[0].SeriesInstanceUID): name for name, images in past.items()}
    found = found_by(ai.archive, keys_of(query), ai.model("dense"))
    assert sorted(uids[each.series] for each in found) == expected


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "the query '' is none such as 'Modality=CT&StudyDate=20260101-20260131'"),
        ("CT", "the query 'CT' is none such as"),
        ("Modalty=CT", "'Modalty' is no keyword of an attribute"),
        ("Modality=", "Modality has to have one value in the query"),
        ("Modality=CT&Modality=MR", "Modality has to have one value in the query"),
        ("RequestAttributesSequence=1", "RequestAttributesSequence is a sequence"),
        ("PixelData=1", "PixelData cannot be asked for of a series"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(ai: Ai, query: str, reason: str) -> None:
    """With less of a query, a model would run on too much."""
    with pytest.raises(BadQuery) as refused:
        list(found_by(ai.archive, keys_of(query), ai.model("dense")))
    assert reason in str(refused.value)


def test_a_replay_runs_once_on_each_series(
    ai: Ai, config: Path, past: dict[str, list[Dataset]]
) -> None:
    """As jobs of the running archive; asked for again, no second run comes of it."""
    first = rows(replay(config, "dense", "--query", "Modality=CT", "--watch", "--json"))
    assert {row["new"] for row in first} == {True}
    records = ai.book.newest(9)
    assert [record.state for record in records] == [State.DONE, State.DONE]
    assert {record.series_instance_uid for record in records} == {
        past["old"][0].SeriesInstanceUID,
        past["new"][0].SeriesInstanceUID,
    }
    again = rows(replay(config, "dense@1", "--query", "StudyDate=20250101-", "--watch", "--json"))
    assert sorted((row["job"], row["new"]) for row in again) == sorted(
        (row["job"], False) for row in first
    )
    assert len(ai.book.newest(9)) == 2
    wanted = ("dense", "--query", "StudyDate=20250101-", "--name", "two", "--watch")
    said = replay(config, *wanted).output
    assert "dense@1: 2 series, 2 new jobs" in said
    assert len(ai.book.newest(9)) == 4


def test_results_of_a_replay_may_be_kept_apart(ai: Ai, config: Path, tmp_path: Path) -> None:
    stored = ai.archive.lookup.count()
    shadow = tmp_path / "shadow"
    wanted = ("dense", "--query", "SeriesDescription=CHEST", "--shadow", shadow, "--watch")
    replay(config, *wanted)
    assert len(list(shadow.iterdir())) == 3
    assert ai.archive.lookup.count() == stored


def test_a_replay_that_fails_says_so(ai: Ai, config: Path) -> None:
    """By its exit code; the model raises, and its jobs wait for another attempt until canceled."""
    wanted = ("raises", "--query", "SeriesDescription=CHEST")
    (row,) = rows(replay(config, *wanted, "--json"))
    ai.archive.jobs.cancel(JobFilter(ids=[row["job"]]))
    replay(config, *wanted, "--watch", code=1)


def test_a_dry_run_only_tells(ai: Ai, config: Path) -> None:
    wanted = ("dense", "--query", "Modality=CT", "--dry-run")
    assert [row["modality"] for row in rows(replay(config, *wanted, "--json"))] == ["CT", "CT"]
    assert "dense@1: 1 series" in replay(config, *wanted, "--limit", 1).output
    assert list(ai.archive.jobs.find(JobFilter(kinds=(KIND,)))) == []
