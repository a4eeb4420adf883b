"""The worklist on the wire, asked by pynetdicom: sources merged, failures told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydicom import Dataset
from pynetdicom.sop_class import ModalityWorklistInformationFind

from pacs_framework import hookimpl
from pacs_framework.errors import IndexUnavailable, PluginError
from pacs_worklist import plugin
from pacs_worklist.api import State, Worklist, offered_steps
from pacs_worklist.tables import TABLES


def source(answer) -> SimpleNamespace:
    """A plugin that offers items."""
    return SimpleNamespace(worklist_items=hookimpl(answer))


@pytest.fixture
def site(pacs_archive):
    """Runs an archive with the worklist and more sources."""

    def run(settings=None, **sources):
        section = {"plugin": {"worklist": settings}} if settings else {}
        return pacs_archive({"worklist": plugin, **sources}, settings=section)

    return run


@pytest.fixture
def ask(pacs_association):
    """The status of every response, and the answers."""

    def find(archive, identifier):
        association = pacs_association.pynetdicom(archive, ModalityWorklistInformationFind)
        responses = list(association.send_c_find(identifier, ModalityWorklistInformationFind))
        association.release()
        return [status.Status for status, _ in responses], [each for _, each in responses if each]

    return find


def put(archive, *items) -> Worklist:
    worklist = Worklist(archive.archive.tables("worklist"))
    for each in items:
        worklist.put(each)
    return worklist


def test_a_modality_gets_its_day(site, ask, item, keys):
    archive = site()
    put(
        archive,
        item(ScheduledProcedureStepStartTime="11"),
        item(ScheduledProcedureStepID="S2", ScheduledProcedureStepStartTime="09"),
        item(ScheduledProcedureStepID="S3", ScheduledStationAETitle="CT2"),
    )
    identifier = keys(
        {
            "ScheduledStationAETitle": "CT1",
            "ScheduledProcedureStepStartDate": "20261121",
            "ScheduledProcedureStepID": "",
        },
        PatientName="",
    )
    statuses, answers = ask(archive, identifier)
    assert statuses == [0xFF00, 0xFF00, 0x0000]
    steps = [each.ScheduledProcedureStepSequence[0] for each in answers]
    assert [step.ScheduledProcedureStepID for step in steps] == ["S2", "S1"]


def test_a_step_that_is_completed_leaves_the_list_at_once(site, ask, item, keys):
    archive = site()
    worklist = put(archive, item())
    assert len(ask(archive, keys())[1]) == 1
    worklist.change_state(1, State.COMPLETED)
    assert ask(archive, keys()) == ([0x0000], [])


def test_all_sources_are_merged_and_the_first_has_its_way(site, ask, item, keys, tmp_path):
    item(PatientID="P2", StudyInstanceUID="1.2.4").save_as(
        tmp_path / "one.wl", implicit_vr=True, little_endian=True
    )
    other = source(
        lambda query: [item(PatientID="LATE"), item(PatientID="P3", StudyInstanceUID="1.2.5")]
    )
    archive = site({"folders": [str(tmp_path)]}, other=other)
    put(archive, item())
    _, answers = ask(archive, keys(PatientID=""))
    assert sorted(each.PatientID for each in answers) == ["P1", "P2", "P3"]


def test_a_source_is_told_what_is_asked_and_by_whom(site, ask, keys):
    seen = []

    def look(query):
        seen.append((query.days.low, query.values("Modality"), query.calling_aet))
        return []

    archive = site(other=source(look))
    ask(archive, keys({"ScheduledProcedureStepStartDate": "20261121-", "Modality": "CT"}))
    assert seen == [("20261121", ("CT",), "TESTSCU")]


def failing(query):
    raise IndexUnavailable("gone")


@pytest.mark.parametrize("answer", [failing, lambda query: None, lambda query: ["text"]])
def test_a_source_that_fails_fails_the_query(site, ask, item, keys, answer):
    """What the other sources have is not sent as if it were all."""
    archive = site(other=source(answer))
    put(archive, item())
    assert ask(archive, keys()) == ([0xC001], [])


def test_a_folder_that_is_gone_fails_the_query(site, ask, item, keys, tmp_path):
    archive = site({"folders": [str(tmp_path / "gone")]})
    put(archive, item())
    assert ask(archive, keys()) == ([0xC001], [])


@pytest.mark.parametrize(("most", "statuses"), [(1, [0xA700]), (2, [0xFF00, 0xFF00, 0x0000])])
def test_more_steps_than_allowed_are_refused_not_cut(site, ask, item, keys, most, statuses):
    archive = site({"max_answers": most})
    put(archive, item(), item(ScheduledProcedureStepID="S2"))
    assert ask(archive, keys())[0] == statuses


def test_an_identifier_for_two_steps_is_refused(site, ask, keys):
    identifier = keys()
    identifier.ScheduledProcedureStepSequence = [Dataset(), Dataset()]
    assert ask(site(), identifier)[0] == [0xA900]


def test_private_keys_are_told_to_be_unsupported(site, ask, item, keys):
    archive = site()
    put(archive, item())
    identifier = keys(PatientID="")
    identifier.add_new(0x00091001, "LO", "x")
    statuses, (answer,) = ask(archive, identifier)
    assert statuses == [0xFF01, 0x0000]
    assert answer.PatientID == "P1"


def test_names_are_found_and_answered_in_the_character_set_of_the_query(site, ask, item, keys):
    archive = site()
    put(archive, item(PatientName="Müller^Jörg"))
    identifier = keys()
    identifier.SpecificCharacterSet = "ISO_IR 100"
    identifier.PatientName = "MÜLLER*"
    _, (answer,) = ask(archive, identifier)
    assert answer.SpecificCharacterSet == "ISO_IR 100"
    assert str(answer.PatientName) == "Müller^Jörg"


def test_plugins_say_that_they_offer_and_implement_the_hook(site):
    rows = {row.name: row for row in site(other=source(lambda query: [])).plugins.rows()}
    assert "worklist_items" in rows["worklist"].hooks
    assert rows["other"].hooks == ("worklist_items",)
    assert set(rows["worklist"].provides["tables"]) == set(TABLES.metadata.tables)


@pytest.mark.postgresql
def test_two_nodes_on_one_database_have_one_worklist(pacs_archive, ask, item, keys, pacs_postgres):
    """What one has acknowledged, the other offers at once, and the other way round."""
    settings = {"index": {"url": pacs_postgres.new_database()}}
    one, other = (pacs_archive({"worklist": plugin}, settings=settings) for _ in range(2))
    put(one, item())
    assert len(ask(other, keys())[1]) == 1
    Worklist(other.archive.tables("worklist")).change_state(1, State.DISCONTINUED)
    assert ask(one, keys()) == ([0x0000], [])


def test_other_plugins_get_the_steps_of_all_sources(site, item):
    """Of some days, as a modality would be told them; and none where one source fails."""

    def more(query):
        return [item(ScheduledProcedureStepID="S9", ScheduledProcedureStepStartTime="08")]

    archive = site(more=source(more))
    put(
        archive,
        item(),
        item(ScheduledProcedureStepID="S2", ScheduledProcedureStepStartDate="20261122"),
    )
    found = offered_steps(archive.archive, "20261121", "20261121")
    steps = [each.ScheduledProcedureStepSequence[0] for each in found]
    assert [each.ScheduledProcedureStepID for each in steps] == ["S9", "S1"]

    def broken(query):
        raise IndexUnavailable("away")

    with pytest.raises(PluginError):
        offered_steps(site(broken=source(broken)).archive, "20261121", "20261121")
