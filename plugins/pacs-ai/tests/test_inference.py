"""Models on stored series: what becomes of results, and of models that do not behave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_archives import Ai, Start, numbers_of_report
from ai_phantom import ct_series, voxels
from pydantic import ValidationError
from pydicom import Dataset, dcmread

from pacs_ai.api import Wants
from pacs_ai.book import State
from pacs_ai.errors import NoVolume
from pacs_ai.inference import lose_dead_runs
from pacs_ai.models.by_rules import Body
from pacs_ai.settings import AiSettings
from pacs_framework import hookimpl
from pacs_framework.archive.claims import Claim
from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.incoming import Refusal
from pacs_framework.errors import ConfigurationError, PluginError
from pacs_framework.testing.hooks import HookRecorder

Named = Callable[..., dict[str, Any]]


def results_of(ai: Ai, record: Any) -> list[Dataset]:
    """What a run stored, as the archive gives it back."""
    made = []
    for result in ai.book.results(record):
        assert result.stored
        with ai.archive.open_file(result.sop_instance_uid) as file:
            path = ai.archive.data / "result.dcm"
            path.write_bytes(file.read())
        made.append(dcmread(path))
    return made


def test_results_are_stored_in_the_study(start: Start, python_model: Named) -> None:
    """Each in a series of its own, of the same patient, signed by the model."""
    ai = start(python_model("Dense"))
    images = ct_series(PatientID="P77", PatientName="Doe^Jane", AccessionNumber="A1")
    ai.running.take_in(*images)
    record = ai.run("dense", images)
    assert (record.state, record.reason) == (State.DONE, "")
    made = results_of(ai, record)
    assert [each.Modality for each in made] == ["SEG", "OT", "SR"]
    for each in made:
        assert (each.PatientID, each.PatientName, each.AccessionNumber) == ("P77", "Doe^Jane", "A1")
        assert each.StudyInstanceUID == images[0].StudyInstanceUID
        assert (each.Manufacturer, each.ManufacturerModelName) == ("not named", "dense")
        assert each.SoftwareVersions == "1"
        assert each.DeviceSerialNumber == record.uid
    assert len({each.SeriesInstanceUID for each in (*made, images[0])}) == 4


def test_a_run_says_what_it_was_made_of(start: Start, python_model: Named) -> None:
    """From a result to model, version, digest, runner and inputs."""
    ai = start(python_model("Dense"))
    images = ct_series()
    ai.running.take_in(*images)
    record = ai.run("dense", images)
    found = ai.book.find(ai.book.results(record)[0].sop_instance_uid)
    assert found == record
    assert (found.model, found.version, found.runner) == ("dense", "1", "environment")
    assert len(found.digest) == 64
    assert sorted(ai.book.inputs(found)) == sorted(image.SOPInstanceUID for image in images)
    assert not list((ai.archive.data / "ai/runs").iterdir())


def test_progress_is_told(start: Start, python_model: Named) -> None:
    ai = start(python_model("Dense"))
    images = ct_series()
    ai.running.take_in(*images)
    told: list[float] = []
    uids = str(images[0].StudyInstanceUID), str(images[0].SeriesInstanceUID)
    ai.inference().run(ai.model("dense"), *uids, progress=told.append)
    assert told[-1] == 1.0


def test_a_model_knows_nothing_of_the_archive(
    start: Start, python_model: Named, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its environment is not the archive's, in which there may be passwords."""
    ai = start(python_model("Told", environment={"MINE": "1"}))
    images = ct_series()
    ai.running.take_in(*images)
    monkeypatch.setenv("PACS_SECRET", "x")
    record = ai.run("told", images)
    monkeypatch.delenv("PACS_SECRET")
    (report,) = results_of(ai, record)
    told = numbers_of_report(report)
    assert told["environment"] == 0
    assert told["mean"] == pytest.approx(voxels().mean(), abs=1e-3)
    assert told["x"] == -160


@pytest.mark.parametrize(
    ("attribute", "more", "state", "reason"),
    [
        ("Raises", {}, State.FAILED, "exit code 1: RuntimeError: no idea what this is"),
        ("Hangs", {"seconds": 2}, State.FAILED, "it took more than 2 s"),
        ("Eats", {"memory": "1 GiB"}, State.FAILED, "exit code 1: "),
        ("Crashes", {}, State.FAILED, "it was killed by SIGABRT"),
        ("Babbles", {}, State.FAILED, "exit code 3: last words"),
        ("Older", {}, State.FAILED, "has version '0', and '1' is pinned"),
        ("Missing", {}, State.FAILED, "has no attribute 'Missing'"),
        ("Exits", {}, State.REFUSED, "it ended without results"),
        ("Yields", {}, State.REFUSED, "it yielded no results; a model that found nothing says so"),
        (
            "WrongShape",
            {},
            State.REFUSED,
            "has the geometry (3, 3, 3), and the volume (12, 48, 64)",
        ),
        ("Empty", {}, State.REFUSED, "it found nothing to segment: x is empty"),
        ("Lies", {}, State.REFUSED, "its results cannot be read"),
        ("Outside", {}, State.REFUSED, "'0.npy' is no file beside its results"),
    ],
)
def test_a_model_that_does_not_behave_leaves_the_study_alone(
    start: Start, python_model: Named, attribute: str, more: Any, state: State, reason: str
) -> None:
    """The run says why, its words are kept as printable text, and nothing is stored."""
    ai = start(python_model(attribute, **more))
    images = ct_series()
    ai.running.take_in(*images)
    record = ai.run(attribute.lower(), images)
    assert record.state is state
    assert reason in record.reason
    assert len(ai.book.inputs(record)) == len(images)
    assert all(character.isprintable() or character in "\n\t" for character in record.log)
    assert ai.archive.lookup.count() == len(images)
    assert not list((ai.archive.data / "ai/runs").iterdir())
    kept = ai.archive.data / "ai/refused" / record.uid
    assert kept.exists() == (state is State.REFUSED or attribute == "Hangs")  # that left a file
    if kept.exists():
        assert reason in (kept / "reason.txt").read_text()
        assert not (kept / "voxels.npy").exists()


def test_refused_results_are_kept_for_so_many_runs(start: Start, python_model: Named) -> None:
    """The oldest go."""
    ai = start(python_model("Yields"), keep_refused=2)
    images = ct_series()
    ai.running.take_in(*images)
    records = [ai.run("yields", images) for _ in range(3)]
    kept = {each.name for each in (ai.archive.data / "ai/refused").iterdir()}
    assert kept == {record.uid for record in records[1:]}


def test_results_can_be_looked_at_before_they_are_stored(
    start: Start, python_model: Named, tmp_path: Path
) -> None:
    """Into a folder: the archive is as it was."""
    ai = start(python_model("Dense"))
    images = ct_series()
    ai.running.take_in(*images)
    record = ai.run("dense", images, output=tmp_path / "made")
    assert record.state is State.DONE
    written = {path.stem for path in (tmp_path / "made").iterdir()}
    assert written == {result.sop_instance_uid for result in ai.book.results(record)}
    assert not any(result.stored for result in ai.book.results(record))
    assert ai.archive.lookup.count() == len(images)


def test_an_archive_that_refuses_a_result_fails_the_run(
    start: Start, python_model: Named, pacs_hooks: HookRecorder
) -> None:
    """Results are judged at the door like any instance."""

    class NoPictures:
        @hookimpl
        def on_store(self, instance: Any) -> Any:
            refused = instance.attributes["Modality"] == "OT"
            return Refusal(reason="no pictures here") if refused else None

    ai = start(python_model("Dense"), others={"no-pictures": NoPictures()})
    images = ct_series()
    ai.running.take_in(*images)
    record = ai.run("dense", images)
    assert record.state is State.FAILED
    assert "no pictures here" in record.reason
    assert [result.stored for result in ai.book.results(record)] == [True, False, False]


def test_a_series_that_is_none_for_a_model_makes_no_run(start: Start, python_model: Named) -> None:
    ai = start(python_model("Dense", modality=["MR"]))
    images = ct_series()
    ai.running.take_in(*images)
    with pytest.raises(NoVolume, match="the modality is CT, not MR"):
        ai.run("dense", images)
    assert ai.book.newest(9) == []


@pytest.mark.parametrize(
    ("when", "runs"),
    [("SliceThickness <= 8 and KVP == 120", True), ("SliceThickness < 8", False)],
)
def test_a_model_is_for_series_of_which_its_condition_is_true(
    start: Start, python_model: Named, when: str, runs: bool
) -> None:
    """Whoever asks for it, as its modality."""
    ai = start(python_model("Dense", when=when))
    images = ct_series()
    ai.running.take_in(*images)
    if runs:
        assert ai.run("dense", images).state is State.DONE
        return
    with pytest.raises(NoVolume, match="for, 'SliceThickness < 8', is not known to be true of it"):
        ai.run("dense", images)
    assert ai.book.newest(9) == []


def test_a_condition_of_a_plugins_model_that_means_nothing_is_its_plugins_fault(
    start: Start,
) -> None:
    class Odd(Second):
        wants = Wants(when="SliceThicknes < 3")

    ai = start(others={"odd": OfAPlugin(Odd())})
    with pytest.raises(PluginError, match=r"plugin 'odd', model 'second': .*SliceThickness"):
        ai.model("second")


def test_a_corrected_patient_is_that_of_the_results(start: Start, python_model: Named) -> None:
    """As the archive files the study now, not as it was sent."""
    ai = start(python_model("Dense"))
    images = ct_series(PatientName="Wrong^Name")
    ai.running.take_in(*images)
    key = PatientKey(patient_id="P1")
    ai.archive.patients.update(key, {"PatientName": "Right^Name"}, by="test", reason="a typo")
    record = ai.run("dense", images)
    assert record.state is State.DONE
    assert {str(each.PatientName) for each in results_of(ai, record)} == {"Right^Name"}


def test_a_run_whose_process_died_is_lost(start: Start) -> None:
    """The next look at the runs says so, and its folder goes; a living one stays."""
    ai = start()
    runs = ai.archive.data / "ai/runs"
    alive = Claim(runs)
    values = dict.fromkeys(
        ("version", "runner", "digest", "study_instance_uid", "series_instance_uid"), "x"
    )
    ai.book.begin(uid="2.25.1", model="a", folder=alive.folder.name, **values)
    ai.book.begin(uid="2.25.2", model="b", folder="gone", **values)
    (runs / "gone").mkdir()
    (runs / "gone.lock").touch()
    lose_dead_runs(ai.archive, ai.book)
    states = {record.model: record.state for record in ai.book.newest(9)}
    assert states == {"a": State.RUNNING, "b": State.LOST}
    assert not (runs / "gone").exists()
    assert alive.folder.exists()
    alive.close()


class OfAPlugin:
    """A plugin that brings one model."""

    def __init__(self, model: object) -> None:
        self._model = model

    @hookimpl
    def ai_models(self) -> list[object]:
        return [self._model]


class Second(Body):
    name, version = "second", "2"


def test_plugins_bring_models(start: Start) -> None:
    """By the hook ``ai_models``; asked for by name, and by version where there are several."""
    ai = start(
        {"name": "second", "command": ["true"], "version": "3"},
        others={"second": OfAPlugin(Second())},
    )
    assert ai.model("second@2").offered_by == "plugin 'second'"
    assert ai.model("second@3").offered_by == "the configuration"
    with pytest.raises(ConfigurationError, match="'second' has several versions; there are second"):
        ai.model("second")
    with pytest.raises(ConfigurationError, match="'third' is not known; there are body@1, "):
        ai.model("third")


def test_two_models_of_one_name_and_version_are_an_error(start: Start) -> None:
    ai = start(
        {"name": "second", "command": ["true"], "version": "2"}, others={"s": OfAPlugin(Second())}
    )
    with pytest.raises(ConfigurationError, match="by plugin 's' and by the configuration"):
        ai.model("second")


def test_what_is_no_model_is_an_error(start: Start) -> None:
    ai = start(others={"odd": OfAPlugin("a string")})
    with pytest.raises(PluginError, match="plugin 'odd' offers 'a string', which is no Model"):
        ai.model("body")


def test_the_digest_of_a_model_follows_its_weights(start: Start, tmp_path: Path) -> None:
    """Another file of weights, another digest."""
    weights = tmp_path / "weights"
    weights.write_text("1")
    model = {"name": "w", "load": "ai_sample_models:Dense", "weights": str(weights)}
    first = start(model).model("w").runner.digest()
    weights.write_text("2")
    assert start(model).model("w").runner.digest() != first


def test_a_model_of_a_plugin_runs_in_a_process(start: Start) -> None:
    """Pickled there; the body of the phantom without its table."""
    ai = start()
    images = ct_series()
    ai.running.take_in(*images)
    record = ai.run("body", images)
    assert (record.state, record.runner) == (State.DONE, "process")
    (made,) = results_of(ai, record)
    inside = np.isin(voxels(), (40, 700, -800))
    inside[:, 46] = False
    assert made.NumberOfFrames == 12
    np.testing.assert_array_equal(made.pixel_array.astype(bool), inside)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({}, "give one of command, image, load, onnx"),
        (
            {"command": ["a"], "load": "a:b"},
            "give one of command, image, load, onnx, kserve and monai_label",
        ),
        ({"name": "X y", "command": ["a"]}, "match pattern"),
        ({"version": "", "command": ["a"]}, "a model has a name and a version"),
        ({"command": ["a"], "python": "p"}, "python and folder go with load"),
        ({"load": "a:b", "settings": {"a": 1}}, "settings are for a command or an image"),
        ({"load": "a:b", "window": [1, 0]}, "the window begins below where it ends"),
        ({"load": "a:b", "weights": str(Path(__file__).parent)}, "weights of a class are one file"),
        ({"load": "a:b", "weights": "/nowhere"}, "'/nowhere' does not exist"),
        ({"load": "a:b", "classes": [{}]}, "classes say what a network answers"),
        ({"onnx": __file__, "classes": [{}]}, "every one of its classes is background"),
        ({"onnx": __file__, "classes": [{"value": "1"}]}, "a class has a value and a meaning"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(model: Any, reason: str) -> None:
    """Before anything starts, with what to do."""
    with pytest.raises(ValidationError, match=reason):
        AiSettings.model_validate({"models": [{"name": "x", "version": "1", **model}]})
