"""Recipes of deid: what they say of pixels, as rules; what cannot be said, told with its line."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pacs_anonymize.pixels.known import pixel_rules, read_pixel_document
from pacs_anonymize.pixels.recipe import read_recipe
from pacs_anonymize.pixels.writing import document_text
from pacs_framework.cli.main import main
from pacs_framework.errors import ConfigurationError

RECIPE = """\
FORMAT dicom

%filter whitelist

LABEL Said to be clean # (A. Person)
  contains BurnedInAnnotation No

%filter graylist

LABEL Everything
  coordinates all

LABEL A screen
  contains Modality CT|MR
  + equals Rows 512|768
  + contains ImageType SCREEN SAVE || contains SeriesDescription Dose
  coordinates 10,20,110,50
  ctpcoordinates 10,20,110,50

LABEL Suspect
  missing Manufacturer || empty Manufacturer
  || notcontains StationName A

LABEL Wrong
  contains Manfacturer ADAC
  coordinates 0,0,1,1

LABEL Regions
  present SequenceOfUltrasoundRegions
  keepcoordinates from:SequenceOfUltrasoundRegions

%header

REMOVE PatientName
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["anonymize", *map(str, arguments)])


def test_every_label_becomes_a_rule_or_is_told() -> None:
    recipe = read_recipe(RECIPE)
    found = {entry.name: entry for entry in recipe.entries}
    assert list(found) == ["Said to be clean", "A screen", "Suspect", "Regions", "Everything"]
    assert found["Said to be clean"].clean
    assert found["Said to be clean"].why == "recipe of deid, line 5, by A. Person"
    assert found["A screen"].when == (
        '(Modality contains "CT" or Modality contains "MR") and Rows in [512, 768] and '
        '(ImageType contains "SCREEN SAVE" or SeriesDescription contains "Dose")'
    )
    assert found["A screen"].blank == ((10, 20, 100, 30), (10, 20, 110, 50))
    assert found["Suspect"].refuse
    assert found["Suspect"].when == 'not Manufacturer exists or not StationName contains "A"'

    assert found["Regions"].keep_ultrasound_regions
    assert found["Everything"].blank_all
    (problem,) = recipe.problems
    assert (problem.line, problem.label) == (25, "Wrong")
    assert recipe.others == 1


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("contains Rows 5", "is a number"),
        ("equals Rows many", "is no number"),
        ("contains StationName ^A.*", "regular expression"),
        ("coordinates 1,2,3", "no four numbers"),
        ("coordinates from:SomeSequence", "is understood"),
        ("coordinates 10,10,5,5", "no rectangle"),
        ("includes Modality CT", "no filter"),
        ("contains Modality", "needs a value"),
        ("contains 0x00090001 A", "no attribute of PS3.6"),
    ],
)
def test_what_cannot_be_understood_is_told_and_no_rule_is_made_of_it(
    member: str, reason: str
) -> None:
    recipe = read_recipe(f"FORMAT dicom\n%filter graylist\nLABEL one\n{member}\n")
    assert recipe.entries == ()
    (problem,) = recipe.problems
    assert reason in problem.reason


def test_rules_that_are_written_say_the_same() -> None:
    entries = read_recipe(RECIPE).entries
    assert read_pixel_document(document_text("a test", entries), "x").pixels == entries


def test_a_recipe_is_imported_and_what_was_not_understood_is_told(tmp_path: Path) -> None:
    (tmp_path / "recipe").write_text(RECIPE, "utf-8")
    done = run("import-recipe", tmp_path / "recipe", "-o", tmp_path / "rules.toml")
    assert done.exit_code == 1
    assert "not understood: line 25 (Wrong): 'Manfacturer' is no keyword" in done.output
    assert "5 rules, 1 labels not understood, 1 lines that are not for pixels" in done.output
    assert len(pixel_rules([tmp_path / "rules.toml"])) == 5
    again = run("import-recipe", tmp_path / "recipe", "-o", tmp_path / "rules.toml")
    assert "is there already" in again.output
    told = json.loads(run("import-recipe", tmp_path / "recipe", "--json").output)
    assert [each["label"] for each in told["not_understood"]] == ["Wrong"]
    assert len(told["rules"]) == 5


def test_a_recipe_is_a_rule_file_where_all_of_it_is_understood(tmp_path: Path) -> None:
    (tmp_path / "recipe").write_text(RECIPE, "utf-8")
    with pytest.raises(ConfigurationError, match="1 of its rules cannot be understood"):
        pixel_rules([tmp_path / "recipe"])
    (tmp_path / "recipe").write_text(RECIPE.replace("Manfacturer", "Manufacturer"), "utf-8")
    assert len(pixel_rules([tmp_path / "recipe"])) == 6


def test_the_recipe_that_deid_comes_with() -> None:
    """All 118 labels of it are read; four that misspell an attribute are told, and one that asks
    for what is not in a data set but before it, where deid does not look either.
    """
    found = find_spec("deid")
    if found is None or found.origin is None:
        pytest.skip("deid is not installed")
    text = (Path(found.origin).parent / "data" / "deid.dicom").read_text("utf-8")
    recipe = read_recipe(text)
    labels = sum(line.strip().startswith("LABEL") for line in text.splitlines())
    assert len(recipe.entries) + len(recipe.problems) == labels > 100
    assert len(recipe.problems) <= 5
    for each in recipe.problems:
        assert "is no keyword" in each.reason or "is not in the header" in each.reason
