"""The rules at work: in a running archive, by command, beside protections, on several nodes."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydicom import Dataset

from pacs_framework.archive.changes import ChangeKind
from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.marks import Subject
from pacs_framework.archive.verify import verify
from pacs_framework.cli.main import main
from pacs_framework.index.changes import ChangeReader
from pacs_framework.index.database import open_database
from pacs_framework.testing.instances import make_instance
from pacs_framework.testing.running import RunningArchive, running_archive
from pacs_framework.testing.tables import TableStores
from pacs_retention import plugin
from pacs_retention.cycle import carry_out, plan_now
from pacs_retention.settings import Settings
from pacs_retention.tables import NAME, TABLES
from pacs_retention.turns import claim_turn

_SECONDS = 60  # a net, not a measurement
DAY = 1 / 86_400  # a rule's day, where a second has to do


def rule(**changed: Any) -> dict[str, Any]:
    return {"name": "rule", **changed}


@contextmanager
def running(folder: Path, *rules: dict[str, Any], **settings: Any) -> Iterator[RunningArchive]:
    section = {"rules": list(rules), "quiet": 0, "pause": 0.05, **settings}
    wanted = {"plugin": {NAME: section}}
    with running_archive(folder, {NAME: plugin}, settings=wanted) as archive:
        yield archive


def instance(number: int, **changed: Any) -> Dataset:
    return make_instance(PatientID=f"P{number}", StudyInstanceUID=f"1.2.{number}", **changed)


def patients(archive: RunningArchive) -> set[str]:
    return {facts.patient_id for facts in archive.archive.lookup.instances()}


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not is_so():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def test_a_running_archive_keeps_to_its_limit(tmp_path: Path) -> None:
    """What comes in makes the oldest go; each is in the list, with the rule as its author."""
    with running(tmp_path, rule(max_patients=2)) as archive:
        for number in range(5):
            archive.take_in(instance(number))
        wait_until(lambda: patients(archive) == {"P3", "P4"})
        told = archive.archive.deleting.history(10)
        assert {each.target.study for each in told} == {"1.2.0", "1.2.1", "1.2.2"}
        assert {(each.by, each.reason, each.door) for each in told} == {
            ("retention rule rule", "more than 2 patients", "retention")
        }
        with closing(open_database(f"sqlite:///{archive.data}/index.sqlite")) as database:
            changes = ChangeReader(database).after(0, 100)
        assert sum(each.kind is ChangeKind.DELETED for each in changes) == 3
        assert list(verify(archive.archive)) == []


def test_a_study_goes_when_it_is_too_old_and_not_before(tmp_path: Path) -> None:
    """Nothing comes in by then: the moment wakes the thread."""
    with running(tmp_path, rule(days=2 * DAY)) as archive:
        archive.take_in(instance(1))
        came = dt.datetime.now(dt.UTC)
        wait_until(lambda: archive.archive.lookup.count() == 0)
        [told] = archive.archive.deleting.history(1)
        assert told.at - came > dt.timedelta(seconds=1.9)


def test_what_is_protected_stays_with_what_is_still_coming_in(tmp_path: Path) -> None:
    """Beside both, all others go."""
    with running(tmp_path) as archive:
        for number in range(4):
            archive.take_in(instance(number))
        kept = Subject(patient=PatientKey(patient_id="P0"))
        archive.archive.marks.protect(kept, by="test", reason="law")
        archive.archive.marks.protect(Subject(study="1.2.1"), by="test", reason="law")
        settings = Settings.model_validate({"rules": [rule(max_size=0)], "quiet": 0})
        plan = plan_now(archive.archive, settings)
        archive.take_in(instance(3, SeriesInstanceUID="1.2.3.9"))
        done = carry_out(archive.archive, settings, plan, threading.Event())
        assert (done.studies, done.stayed, done.left) == (1, 1, 0)
        assert patients(archive) == {"P0", "P1", "P3"}


def test_a_stop_ends_a_cycle_between_two_studies(tmp_path: Path) -> None:
    with running(tmp_path) as archive:
        archive.take_in(*(instance(number) for number in range(3)))
        settings = Settings.model_validate({"rules": [rule(max_size=0)], "quiet": 0})
        stopping = threading.Event()
        plan = plan_now(archive.archive, settings)
        carry_out(
            archive.archive, settings, plan, stopping, lambda done, _: done and stopping.set()
        )
        assert len(patients(archive)) == 2


def test_of_several_nodes_one_has_the_turn(pacs_tables: TableStores) -> None:
    """Until the pause is over; a shorter pause counts at once."""
    store = pacs_tables(TABLES, plugin=NAME)
    assert claim_turn(store, 3600) == 0
    assert 3590 < claim_turn(store, 3600) <= 3600
    assert claim_turn(store, 5) == 5


def test_the_feed_is_read_for_rules_that_need_it_only() -> None:
    for made, idle in (
        ([], ("on_stored",)),
        ([rule(days=1)], ("on_stored",)),
        ([rule(days=1, by="study-date")], ()),
        ([rule(max_size=1)], ()),
        ([rule(max_patients=1)], ()),
    ):
        assert plugin.idle_hooks(Settings.model_validate({"rules": made})) == idle


def test_every_setting_is_described() -> None:
    model = plugin.config_models()
    assert all(field.description for field in model.model_fields.values())
    assert model() == Settings()


def test_rules_are_in_the_conformance_statement() -> None:
    settings = Settings.model_validate({"rules": [rule(days=1)]})
    [remark] = plugin.conformance(settings)
    assert "rules of the site (rule)" in remark.text
    assert plugin.conformance(Settings()) == []


# --- the commands ---------------------------------------------------------------------------------


@pytest.fixture
def pacs(tmp_path: Path) -> Callable[..., Result]:
    """Run ``pacs retention`` on an archive with three studies and two rules."""
    config = tmp_path / "pacs.toml"
    config.write_text(
        f"""
        [archive]
        data = "{tmp_path / "data"}"

        [plugin.retention]
        quiet = 0

        [[plugin.retention.rules]]
        name = "old"
        days = 3650
        by = "study-date"

        [[plugin.retention.rules]]
        name = "few"
        modality = ["MR"]
        max_patients = 1
        """
    )
    for number, date in enumerate(("20000101", "20260101", "20260101")):
        made = instance(number, StudyDate=date, Modality="MR")
        path = tmp_path / f"{number}.dcm"
        made.save_as(path, enforce_file_format=True)
    files = [str(path) for path in sorted(tmp_path.glob("*.dcm"))]
    done = CliRunner().invoke(main, ["import", "--config", str(config), *files])
    assert done.exit_code == 0, done.output

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["retention", *arguments, "--config", str(config)])

    return run


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_dry_run_lists_what_goes_and_why_and_changes_nothing(
    pacs: Callable[..., Result],
) -> None:
    for _ in range(2):
        would = told(pacs("--dry-run", "--json"))
        assert [(e["rule"], e["study"], e["why"]) for e in would["goes"]] == [
            ("old", "1.2.0", "older than 3650 days"),
            ("few", "1.2.1", "more than 1 patients"),
        ]
        assert would["size"] == sum(each["size"] for each in would["goes"])
    shown = pacs("--dry-run").stdout
    assert "2 studies would go" in shown
    assert "1.2.1" in shown


def test_a_run_deletes_and_the_rules_tell_what_is_left(pacs: Callable[..., Result]) -> None:
    before = told(pacs("rules", "--json"))
    assert [(e["name"], e["studies"], e["go"]) for e in before] == [("old", 3, 1), ("few", 3, 1)]
    done = told(pacs("run", "--json"))
    assert (done["studies"], done["instances"], done["left"]) == (2, 2, 0)
    assert pacs("run").stdout.startswith("0 studies deleted")
    rows = pacs("rules").stdout
    assert "modality MR" in rows
    assert "older than 3650 days (by study-date, study)" in rows
    assert [e["studies"] for e in told(pacs("rules", "--json"))] == [1, 1]


def test_without_a_verb_the_help_is_shown(pacs: Callable[..., Result]) -> None:
    assert "--dry-run" in pacs().stdout
    assert pacs("--dry-run", "run").exit_code == 2
