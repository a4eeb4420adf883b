"""``pacs anonymize``: de-identified copies of files, and nothing of those that cannot be."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pydicom
import pytest
from click.testing import CliRunner, Result
from pydicom import Dataset

from pacs_anonymize.keys import write_new_key
from pacs_framework.cli.main import main
from pacs_framework.testing.distributions import install_distribution
from pacs_framework.testing.forked import run_module
from pacs_framework.testing.instances import make_instance

NAME = b"Zuckmayer"


def anonymize(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["anonymize", *map(str, arguments)])


def write(path: Path, **attributes: object) -> Dataset:
    given = {"PatientName": "Zuckmayer^Zoe", "PatientID": "ZKM-4711", **attributes}
    instance = make_instance(**given)
    path.parent.mkdir(parents=True, exist_ok=True)
    instance.save_as(path, enforce_file_format=True)
    return instance


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Three instances of one study in files that are called after the patient, and a text."""
    folder = tmp_path / "Zuckmayer"
    for number in (1, 2, 3):
        series = f"2.25.1.{1 + number // 3}"
        uids = {"StudyInstanceUID": "2.25.1", "SeriesInstanceUID": series}
        write(folder / f"CT {number}" / "Zuckmayer.dcm", **uids)
    (folder / "readme.txt").write_text("Zuckmayer")
    return folder


@pytest.fixture
def key(tmp_path: Path) -> Path:
    write_new_key(tmp_path / "key")
    return tmp_path / "key"


def test_files_are_named_by_their_new_uids(study: Path, tmp_path: Path) -> None:
    """An old name is often the patient's."""
    out = tmp_path / "out"
    done = anonymize(study, "-o", out)
    assert done.exit_code == 0, done.output
    assert "3 written, 0 failed, 1 skipped" in done.output
    written = [pydicom.dcmread(path) for path in files(out)]
    for path, ds in zip(files(out), written, strict=True):
        parts = (ds.StudyInstanceUID, ds.SeriesInstanceUID, f"{ds.SOPInstanceUID}.dcm")
        assert path == out.joinpath(*map(str, parts))
        assert ds.PatientIdentityRemoved == "YES"
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
        assert NAME not in path.read_bytes()
    assert len({ds.StudyInstanceUID for ds in written}) == 1
    assert len({ds.SeriesInstanceUID for ds in written}) == 2
    assert written[0].StudyInstanceUID != "2.25.1"
    assert not [path for path in out.rglob("*") if NAME.decode() in str(path)]


def test_names_are_kept_where_the_user_says_so(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = anonymize(study, "-o", out, "--keep-names")
    assert done.exit_code == 0, done.output
    assert [str(path.relative_to(out)) for path in files(out)] == [
        f"CT {number}/Zuckmayer.dcm" for number in (1, 2, 3)
    ]


def test_a_key_gives_the_same_files_in_every_run(study: Path, tmp_path: Path, key: Path) -> None:
    outputs = []
    for out in (tmp_path / "one", tmp_path / "other"):
        assert anonymize(study, "-o", out, "--key-file", key).exit_code == 0
        outputs.append({path.relative_to(out): path.read_bytes() for path in files(out)})
    assert outputs[0].keys() == outputs[1].keys()
    assert outputs[0] == outputs[1]


def test_without_a_key_each_run_has_pseudonyms_of_its_own(study: Path, tmp_path: Path) -> None:
    names = []
    for out in (tmp_path / "one", tmp_path / "other"):
        done = anonymize(study, "-o", out)
        assert "its key is forgotten; --key-file FILE" in done.stderr
        names.append({path.name for path in files(out)})
    assert not names[0] & names[1]


def test_the_key_of_the_configuration_is_taken(study: Path, tmp_path: Path, key: Path) -> None:
    config = tmp_path / "pacs.toml"
    config.write_text(f'[plugin.anonymize]\nkey_file = "{key}"\n')
    by_config = anonymize(study, "-o", tmp_path / "one", "--config", config)
    assert by_config.exit_code == 0, by_config.output
    assert "no key is given" not in by_config.stderr
    assert anonymize(study, "-o", tmp_path / "two", "--key-file", key).exit_code == 0
    assert {p.name for p in files(tmp_path / "one")} == {p.name for p in files(tmp_path / "two")}


def test_profile_and_options_do_what_they_say(study: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text("[[rule]]\nkeyword = 'StudyDescription'\naction = 'D'\nvalue = 'STUDY A'\n")
    write(study / "4.dcm", StudyDescription="Zuckmayer's knee")
    done = anonymize(
        *(study / "4.dcm", "-o", tmp_path / "out", "--profile", site),
        *("--option", "retain-longitudinal-full-dates"),
    )
    assert done.exit_code == 0, done.output
    [file] = files(tmp_path / "out")
    ds = pydicom.dcmread(file)
    assert (ds.StudyDescription, ds.StudyDate) == ("STUDY A", "20260102")


# --- what fails -----------------------------------------------------------------------------------


def test_a_file_that_cannot_be_de_identified_is_not_written(study: Path, tmp_path: Path) -> None:
    write(study / "burned.dcm", BurnedInAnnotation="YES")
    out = tmp_path / "out"
    done = anonymize(study, "-o", out, "--profile", "hipaa-safe-harbor")
    assert done.exit_code == 1
    assert "burned.dcm: the instance cannot be de-identified: text is burned" in done.stderr
    assert "3 written, 1 failed, 1 skipped" in done.stdout
    assert len(files(out)) == 3


def test_a_damaged_file_fails_and_leaves_nothing(study: Path, tmp_path: Path) -> None:
    path = study / "CT 1" / "Zuckmayer.dcm"
    path.write_bytes(path.read_bytes()[:-20])
    (study / "cut.dcm").write_bytes(bytes(128) + b"DICM" + bytes(3))
    done = anonymize(study, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "2 written, 2 failed, 1 skipped" in done.stdout
    assert len(files(tmp_path / "out")) == 2


def test_files_that_are_there_stay_unless_told(study: Path, tmp_path: Path, key: Path) -> None:
    out = tmp_path / "out"
    arguments = (study, "-o", out, "--key-file", key)
    assert anonymize(*arguments).exit_code == 0
    again = anonymize(*arguments)
    assert again.exit_code == 1
    assert "0 written, 3 failed, 1 skipped" in again.stdout
    assert "is there already: from an earlier run, then --overwrite replaces it" in again.stderr
    assert anonymize(*arguments, "--overwrite").exit_code == 0


@pytest.mark.parametrize("more", [(), ("--overwrite",), ("--dry-run",)])
def test_one_instance_in_two_files_is_told(
    study: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    """The second cannot have a place of its own."""
    first, second = study / "CT 1" / "Zuckmayer.dcm", study / "CT 1" / "zz.dcm"
    second.write_bytes(first.read_bytes())
    done = anonymize(study, "-o", tmp_path / "out", *more)
    assert done.exit_code == 1
    assert f"{second}: it holds the same SOP instance as {first}" in done.stderr


def test_a_named_file_that_is_no_dicom_is_an_error(study: Path, tmp_path: Path) -> None:
    done = anonymize(study / "readme.txt", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "readme.txt: no DICOM file" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "-o says where the new files go"),
        (("-o", "out", "--with", "basic", "--profile", "basic"), "leave out --profile"),
        (("-o", "out", "--profile", "basics"), "did you mean 'basic'"),
        (("-o", "out", "--with", "nobody"), "no anonymizer is called 'nobody'"),
        (
            (
                *("-o", "out", "--option", "retain-longitudinal-full-dates"),
                *("--option", "retain-longitudinal-modified-dates"),
            ),
            "choose one",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(
    study: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study)
    done = anonymize(study, *arguments)
    assert done.exit_code != 0
    assert message in done.output
    assert not Path("out").exists()


# --- what it tells --------------------------------------------------------------------------------


def test_json_has_a_row_for_each_file_in_order(study: Path, tmp_path: Path) -> None:
    done = anonymize(study, "-o", tmp_path / "out", "--json")
    rows = json.loads(done.stdout)
    assert [row["outcome"] for row in rows] == ["skipped", "written", "written", "written"]
    for row in rows[1:]:
        assert pydicom.dcmread(row["output"]).SOPInstanceUID == row["sop_instance_uid"]
        assert row["error"] == ""


def test_a_dry_run_writes_nothing_and_tells_what_would_change(study: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    done = anonymize(study, "--dry-run")
    assert done.exit_code == 0, done.output
    assert files(tmp_path) == before
    assert "3 would be written, 0 failed, 1 skipped" in done.stdout
    [line] = [line for line in done.stdout.splitlines() if line.startswith("PatientName ")]
    assert line.split()[-1] == "3"
    assert "Zuckmayer^Zoe" not in done.stdout


def test_a_report_tells_each_change_and_nothing_of_the_patient(
    study: Path, tmp_path: Path, key: Path
) -> None:
    report = tmp_path / "report.jsonl"
    arguments = ("-o", tmp_path / "out", "--key-file", key, "--report", report)
    done = anonymize(study, *arguments)
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert {line["sop_instance_uid"] for line in lines} == {
        path.stem for path in files(tmp_path / "out")
    }
    names = [c for line in lines for c in line["changes"] if c["attribute"] == "PatientName"]
    assert len(names) == 3
    assert len({change["before"] for change in names}) == 1, "one patient, one hash"
    assert all(change["before"] and change["rule"] for change in names)
    for secret in (NAME, b"ZKM-4711", b"2.25.1.1"):
        assert secret not in report.read_bytes()
    refused = anonymize(study, "-o", tmp_path / "other", "--report", report)
    assert refused.exit_code == 1
    assert "is there already" in refused.output
    assert not (tmp_path / "other").exists()


# --- processes ------------------------------------------------------------------------------------

OTHER = """
    from pacs_framework import hookimpl
    from pacs_framework.anonymizers.anonymizer import Anonymizer

    class Other(Anonymizer):
        description = "of another plugin"

        def anonymize(self, dataset):
            dataset.PatientName, dataset.PatientIdentityRemoved = "Other", "YES"
            dataset.DeidentificationMethod = "by hand"
            return dataset

    @hookimpl
    def anonymizers():
        return {"other": Other()}
"""


@pytest.fixture
def many(tmp_path: Path) -> Path:
    for number in range(40):
        write(tmp_path / "many" / f"{number:02}.dcm", InstanceNumber=number)
    (tmp_path / "many" / "17.dcm").write_bytes(b"no DICOM")
    return tmp_path / "many"


def in_a_process(*arguments: object, plugins: Path | None = None) -> subprocess.CompletedProcess:
    environment = dict(os.environ)
    if plugins is not None:
        environment["PYTHONPATH"] = str(plugins)
    command = ("pacs_framework.cli", "anonymize", *map(str, arguments))
    return run_module(*command, environment=environment)


def test_several_processes_give_what_one_gives(many: Path, tmp_path: Path, key: Path) -> None:
    """By an anonymizer of this plugin, in the order of the files."""
    arguments = (many, "--key-file", key, "--json")
    one = anonymize(*arguments, "-o", tmp_path / "one", "--jobs", 1)
    several = in_a_process(*arguments, "-o", tmp_path / "two", "--jobs", 2)
    assert (one.exit_code, several.returncode) == (0, 0), several.stderr
    rows = [json.loads(each.stdout) for each in (one, several)]
    assert [r["sop_instance_uid"] for r in rows[0]] == [r["sop_instance_uid"] for r in rows[1]]
    assert [r["outcome"] for r in rows[1]].count("written") == 39
    contents = [
        {path.name: path.read_bytes() for path in files(tmp_path / name)} for name in ("one", "two")
    ]
    assert contents[0] == contents[1]


def test_an_anonymizer_of_another_plugin_is_taken_by_name(many: Path, tmp_path: Path) -> None:
    install_distribution(tmp_path / "plugins", "site-other", {"other": OTHER})
    arguments = (many, "-o", tmp_path / "out", "--with", "other", "--jobs", 2)
    done = in_a_process(*arguments, plugins=tmp_path / "plugins")
    assert done.returncode == 0, done.stderr
    assert "39 written, 0 failed, 1 skipped" in done.stdout
    assert all(b"Other" in path.read_bytes() for path in files(tmp_path / "out"))
    report = in_a_process(*arguments, "--report", tmp_path / "report", plugins=tmp_path / "plugins")
    assert report.returncode == 2
    assert "does not tell what it changes" in report.stderr


DYING = """
    import os, signal
    from pacs_framework import hookimpl
    from pacs_framework.anonymizers.anonymizer import Anonymizer

    class Dying(Anonymizer):
        description = "ends its process"

        def anonymize(self, dataset):
            os.kill(os.getpid(), signal.SIGKILL)

    @hookimpl
    def anonymizers():
        return {"dying": Dying()}
"""


def test_a_process_that_dies_costs_files_and_is_told(many: Path, tmp_path: Path) -> None:
    """Every file has a result all the same."""
    install_distribution(tmp_path / "plugins", "site-dying", {"dying": DYING})
    arguments = (many, "-o", tmp_path / "out", "--with", "dying", "--jobs", 2, "--json")
    done = in_a_process(*arguments, plugins=tmp_path / "plugins")
    assert done.returncode == 1
    rows = json.loads(done.stdout)
    assert [row["path"] for row in rows] == [str(path) for path in sorted(many.iterdir())]
    assert {row["outcome"] for row in rows} == {"failed"}
    assert all("has died; try it with --jobs 1" in row["error"] for row in rows)
    assert files(tmp_path / "out") == []


# --- the group ------------------------------------------------------------------------------------


def test_paths_and_commands_are_told_apart(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the name of a command it is `run`; a path with a folder is never one."""
    monkeypatch.chdir(tmp_path)
    study.rename(tmp_path / "lint")
    assert anonymize("./lint", "-o", "out").exit_code == 0
    assert anonymize("-o", "other", "./lint").exit_code == 0
    assert anonymize("run", "./lint", "-o", "third").exit_code == 0
    assert "lint" in anonymize("--help").output
    assert "-o, --output" in anonymize("run", "--help").output
    assert anonymize().exit_code == 2
