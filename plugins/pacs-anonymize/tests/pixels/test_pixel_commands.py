"""``pacs anonymize`` where pixels are worked on: written, refused, explained, drawn."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pydicom
import pytest
from click.testing import CliRunner, Result

from pacs_anonymize.keys import write_new_key
from pacs_framework.cli.main import main
from pacs_framework.testing.forked import run_module
from pacs_framework.testing.instances import make_instance

RULES = """
[[pixels]]
name = "the header bar"
when = 'ManufacturerModelName == "SONO 7"'
blank = [[0, 0, 16, 2]]
why = "looked at ten of them"
"""
RLE = "1.2.840.10008.1.2.5"


def anonymize(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["anonymize", *map(str, arguments)])


@pytest.fixture
def key(tmp_path: Path) -> Path:
    write_new_key(tmp_path / "key")
    return tmp_path / "key"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "rules.toml").write_text(RULES, "utf-8")
    return tmp_path / "rules.toml"


def write(path: Path, **attributes: object) -> Path:
    instance = make_instance(Modality="US", Rows=8, Columns=16, **attributes)
    instance.SamplesPerPixel, instance.PhotometricInterpretation = 1, "MONOCHROME2"
    instance.BitsAllocated = instance.BitsStored = 8
    instance.HighBit, instance.PixelRepresentation = 7, 0
    instance.PixelData = bytes(range(1, 129))
    instance["PixelData"].VR = "OB"
    path.parent.mkdir(parents=True, exist_ok=True)
    instance.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two instances that a rule is for, one of them compressed, and one that none is for."""
    folder = tmp_path / "study"
    write(folder / "1.dcm", ManufacturerModelName="SONO 7")
    compressed = pydicom.dcmread(write(folder / "2.dcm", ManufacturerModelName="SONO 7"))
    compressed.compress(RLE, generate_instance_uid=False)
    compressed.save_as(folder / "2.dcm")
    write(folder / "3.dcm", ManufacturerModelName="OTHER")
    return folder


def test_what_a_rule_is_for_is_cleaned_and_what_none_is_for_is_not_written(
    study: Path, tmp_path: Path, key: Path, rules: Path
) -> None:
    out, report = tmp_path / "out", tmp_path / "report"
    more = ("--key-file", key, "--pixel-rules", rules, "--keep-names", "--report", report)
    done = anonymize(study, "-o", out, *more)
    assert done.exit_code == 1
    assert "2 written, 1 failed" in done.output
    assert "no pixel rule is for this kind of image" in done.output
    assert sorted(each.name for each in out.rglob("*.dcm")) == ["1.dcm", "2.dcm"]
    for name, syntax in (("1.dcm", "1.2.840.10008.1.2.1"), ("2.dcm", RLE)):
        found = pydicom.dcmread(out / name)
        assert found.file_meta.TransferSyntaxUID == syntax
        assert found.pixel_array.tobytes() == bytes(32) + bytes(range(33, 129))
        assert found.BurnedInAnnotation == "NO"
        codes = [str(each.CodeValue) for each in found.DeidentificationMethodCodeSequence]
        assert codes == ["113100", "113101"]
    lines = [json.loads(line) for line in report.read_text("utf-8").splitlines()]
    for line in lines:
        (told,) = [each for each in line["changes"] if each["attribute"] == "PixelData"]
        assert told["rule"] == "the header bar"
        assert told["after"] == "made black: 16 × 2 pixels at column 0 of row 0"


def test_two_processes_do_the_same(tmp_path: Path, key: Path, rules: Path) -> None:
    """Codecs and rules go to each of them."""
    for number in range(20):
        path = write(tmp_path / "many" / f"{number}.dcm", ManufacturerModelName="SONO 7")
        compressed = pydicom.dcmread(path)
        compressed.compress(RLE, generate_instance_uid=False)
        compressed.save_as(path)
    given = ("--key-file", key, "--pixel-rules", rules, "--keep-names", "--jobs", 2)
    arguments = map(str, ("anonymize", tmp_path / "many", "-o", tmp_path / "out", *given))
    done = run_module("pacs_framework.cli", *arguments, seconds=60)
    assert done.returncode == 0, done.stderr
    assert "20 written" in done.stdout
    for path in (tmp_path / "out").rglob("*.dcm"):
        assert pydicom.dcmread(path).pixel_array.tobytes()[:32] == bytes(32)


def test_without_a_codec_nothing_is_written(
    study: Path, tmp_path: Path, key: Path, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACS_PLUGINS__DENY", json.dumps(["codecs-imagecodecs", "codecs-pylibjpeg"]))
    given = ("--key-file", key, "--pixel-rules", rules, "--keep-names")
    done = anonymize(study / "2.dcm", "-o", tmp_path / "out", *given)
    assert done.exit_code == 1
    assert "no installed codec decodes RLE Lossless" in done.output
    assert not list(tmp_path.glob("out/**/*.dcm"))


def test_a_profile_may_have_rules_of_its_own(study: Path, tmp_path: Path, key: Path) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text(f'options = ["clean-pixel-data"]\n{RULES}', "utf-8")
    given = ("--key-file", key, "--profile", profile, "--keep-names")
    done = anonymize(study / "1.dcm", "-o", tmp_path / "out", *given)
    assert done.exit_code == 0, done.output
    linted = anonymize("lint", profile)
    assert linted.exit_code == 0
    assert (
        'pixels 1: Images with ManufacturerModelName == "SONO 7": 16 × 2 pixels at column 0 of '
        "row 0 made black in all frames. Reason: looked at ten of them" in linted.output
    )


def test_rules_that_cannot_be_read_stop_it_before_the_first_file(
    study: Path, tmp_path: Path
) -> None:
    (tmp_path / "wrong.toml").write_text("[[pixels]]\nblank = [[1, 2, 3]]\n", "utf-8")
    done = anonymize(study, "-o", tmp_path / "out", "--pixel-rules", tmp_path / "wrong.toml")
    assert done.exit_code != 0
    assert "pixels 1, blank 1" in done.output
    missing = anonymize(study, "-o", tmp_path / "out", "--pixel-rules", "standart")
    assert "those that come with the plugin are: standard" in missing.output


def test_rules_are_linted(tmp_path: Path) -> None:
    text = f"{RULES}\n[[pixels]]\nclean = true\n[[pixels]]\nwhen = 'Rows == 1'\nrefuse = 'small'"
    (tmp_path / "rules.toml").write_text(text, "utf-8")
    done = anonymize("lint", tmp_path / "rules.toml", "--json")
    assert done.exit_code == 0
    told = json.loads(done.output)
    assert [each["place"] for each in told["findings"]] == ["pixels 2", "pixels 3"]
    assert "vouches for images that nobody looks at" in told["findings"][0]["message"]
    assert "never applies: pixels 2 comes first" in told["findings"][1]["message"]
    assert told["pixels"][2] == "Images with Rows == 1: refused, since small."
    (tmp_path / "rules.toml").write_text("[[pixels]]\nblank = [[0, 0, 0, 0]]\n", "utf-8")
    wrong = anonymize("lint", tmp_path / "rules.toml")
    assert wrong.exit_code == 1
    assert "error: pixels 1, blank 1:" in wrong.output


def test_the_rules_that_come_with_the_plugin_have_no_findings() -> None:
    done = anonymize("lint", "standard")
    assert done.exit_code == 0
    assert done.output.endswith("no findings\n")


def test_a_preview_shows_in_red_what_would_be_made_black(
    study: Path, tmp_path: Path, rules: Path
) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow draws the preview")
    picture = tmp_path / "out.png"
    done = anonymize("preview", study / "2.dcm", "-o", picture, "--pixel-rules", rules)
    assert done.exit_code == 0, done.output
    assert "the header bar: made black would be 16 × 2 pixels" in done.output
    with image.open(picture) as drawn:
        assert drawn.size == (16, 8)
        for row in range(8):
            red, green, blue = drawn.getpixel((5, row))
            assert (red > green == blue) if row < 2 else (red == green == blue)
    again = anonymize("preview", study / "2.dcm", "-o", picture, "--pixel-rules", rules)
    assert "is there already" in again.output


def test_a_preview_of_what_is_refused_says_why(study: Path, tmp_path: Path, rules: Path) -> None:
    pytest.importorskip("PIL.Image", reason="Pillow draws the preview")
    given = ("-o", tmp_path / "out.png", "--pixel-rules", rules, "--json")
    done = anonymize("preview", study / "3.dcm", *given)
    assert done.exit_code == 1
    told = json.loads(done.output)
    assert "no pixel rule" in told["refused"]
    assert told["regions"] == []
    assert (tmp_path / "out.png").exists()


@pytest.mark.interop
def test_dicom_validation_finds_no_new_error(
    study: Path, tmp_path: Path, key: Path, rules: Path
) -> None:
    """David Clunie's dciodvfy, on the instance with and without the rules."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed (Debian: dicom3tools)")
    outs = {}
    for name, more in (("plain", ()), ("cleaned", ("--pixel-rules", rules))):
        out = tmp_path / name
        given = ("--key-file", key, "--keep-names", *more)
        assert anonymize(study / "1.dcm", "-o", out, *given).exit_code == 0
        command = ("dciodvfy", str(out / "1.dcm"))
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        outs[name] = {line for line in told.stderr.splitlines() if line.startswith("Error")}
    assert outs["cleaned"] <= outs["plain"]
