"""Recipes are read strictly: what deid would pass over in silence is told, with its line."""

from __future__ import annotations

import pickle
from importlib.resources import files
from pathlib import Path

import pytest

from pacs_anonymize_deid.library import DeidRecipe
from pacs_anonymize_deid.recipe import Action, Recipe
from pacs_framework.errors import ConfigurationError

OWN = files("pacs_anonymize_deid").joinpath("recipes", "deid.dicom").read_text("utf-8")

RANDOM = "is random, or made without a key; write func:new_uid, func:pseudonym or JITTER"
LISTS = """FORMAT dicom
%values names
SPLIT PatientName by="^";minlength=4
FIELD OperatorsName
%fields dates
FIELD endswith:Date
%header
REMOVE values:names
BLANK fields:dates
"""


def faults(*lines: str) -> list[str]:
    """What is told of a recipe that begins with these lines and ends with a good one."""
    text = "\n".join(("FORMAT dicom", *lines, "%header", "REMOVE PatientAge"))
    with pytest.raises(ConfigurationError) as caught:
        Recipe.parse(text, "test")
    first, *told = str(caught.value).splitlines()
    assert first == "the recipe 'test' of deid cannot be used:"
    return [line.strip() for line in told]


def header_fault(line: str) -> str:
    (told,) = faults("%header", line)
    return told.removeprefix("line 3: ")


def test_a_recipe_becomes_what_deid_makes_of_its_file(tmp_path: Path) -> None:
    """Ours is read by both."""
    path = tmp_path / "recipe"
    path.write_text(OWN)
    theirs = DeidRecipe(str(path))
    ours = DeidRecipe([Recipe.parse(OWN, "deid").as_deid_has_it()])
    assert ours.get_actions() == theirs.get_actions()
    assert len(ours.get_actions()) > 30


def test_lists_are_read_as_deid_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "recipe"
    path.write_text(LISTS)
    theirs = DeidRecipe(str(path))
    ours = DeidRecipe([Recipe.parse(LISTS, "lists").as_deid_has_it()])
    assert ours.get_values_lists() == theirs.get_values_lists()
    assert ours.get_fields_lists() == theirs.get_fields_lists()
    assert ours.get_actions() == theirs.get_actions()


def test_comments_are_no_values() -> None:
    """deid alone takes one behind REMOVE for a condition, and removes nothing."""
    recipe = Recipe.parse(
        "FORMAT dicom\n%header\nREMOVE PatientAge  # too old\nADD PatientSex O # other\n", "test"
    )
    assert recipe.header == (
        Action(action="REMOVE", field="PatientAge"),
        Action(action="ADD", field="PatientSex", value="O"),
    )


def test_a_recipe_goes_to_other_processes() -> None:
    recipe = Recipe.parse(OWN, "deid")
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    assert len({recipe, Recipe.parse(OWN, "deid")}) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "remove PatientAge",
            "'remove' is none of ADD, REPLACE, JITTER, REMOVE, BLANK, KEEP, in capitals",
        ),
        ("LABEL this", "the standard has no attribute 'this'"),
        ("REMOVE", "REMOVE needs an attribute, or an expression for some"),
        (
            "REMOVE PatientNmae",
            "the standard has no attribute 'PatientNmae'; did you mean 'PatientName'?",
        ),
        (
            "REMOVE contain:Name",
            "'contain' is none of contains, endswith, startswith, except, select",
        ),
        (
            "REMOVE contains:(Name",
            "'(Name' is no regular expression: missing ), unterminated subpattern at position 0",
        ),
        ("REMOVE contains:", "the expression is empty, and would match everything"),
        ("REMOVE select:VR:NAMES", "select takes VR:XX or GROUP:gggg"),
        ("REMOVE values:none", "the recipe has no list %values none"),
        ("REMOVE fields:none", "the recipe has no list %fields none"),
        (
            "REMOVE PatientAge func:is_old",
            "REMOVE takes no value, and conditions cannot be programmed here",
        ),
        (
            'KEEP (0033,"HOUSE",1E)',
            "private elements are always removed, so no action can be for one",
        ),
        ("KEEP 00331010", "the standard has no attribute '00331010'"),
        (
            "KEEP PatientID",
            "PatientID names a person, and is emptied if it stays; it cannot be kept",
        ),
        ("REPLACE PatientID", "REPLACE needs a value"),
        ("ADD contains:ID X", "ADD is for one attribute"),
        (
            "REPLACE PatientID func:hash",
            "there is no func:hash; there are func:new_uid, func:pseudonym",
        ),
        ("JITTER StudyDate var:entity", "there is no var:entity; there are var:days_back"),
        ("JITTER StudyDate soon", "JITTER takes a number of days or var:days_back, not 'soon'"),
        (
            "REPLACE StudyID var:days_back",
            "var:days_back is a number of days, so it is for JITTER",
        ),
        (
            "ADD PatientID func:pseudonym",
            "func:pseudonym makes a new value of the old one, so it is for REPLACE",
        ),
        (
            "REPLACE SOPInstanceUID deid_func:pydicom_uuid",
            f"deid_func:pydicom_uuid {RANDOM}",
        ),
        ("JITTER StudyTime 5", "JITTER moves DA and DT, and StudyTime is for StudyTime too"),
        (
            "JITTER contains:StudyVerified 5",
            "JITTER moves DA and DT, and contains:StudyVerified is for StudyVerifiedTime too",
        ),
        ("REPLACE Rows many", "Rows is a number, and 'many' is none"),
        ("REPLACE endswith:EchoTime short", "EffectiveEchoTime is a number, and 'short' is none"),
    ],
)
def test_an_action_that_would_not_do_what_it_says_is_told(line: str, told: str) -> None:
    assert header_fault(line) == told


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            ["%filter graylist"],
            "line 2: %filter is for pixels, which are not cleaned here; take it out of this recipe",
        ),
        (
            ["%labels"],
            "line 2: there is no section %labels; it is %header, %fields NAME or %values NAME",
        ),
        (["%values"], "line 2: %header has no name, %fields and %values have one"),
        (["REMOVE PatientAge"], "line 2: 'REMOVE PatientAge' stands in front of the first section"),
        (["FORMAT nifti"], "line 2: the format is 'FORMAT dicom', not 'FORMAT nifti'"),
        (["%fields some", "SPLIT PatientName"], "line 3: a line of %fields is FIELD NAME"),
        (
            ["%values some", "SPLIT PatientName sep=,"],
            'line 3: a line of %values is FIELD NAME, or SPLIT NAME by="…";minlength=N',
        ),
    ],
)
def test_a_section_that_is_none_is_told(lines: list[str], told: str) -> None:
    assert faults(*lines) == [told]


def test_all_mistakes_are_told_at_once() -> None:
    assert len(faults("%header", "REMOVE Nmae", "keep Rows", "ADD Rows")) == 3


def test_a_recipe_without_an_action_is_none() -> None:
    with pytest.raises(ConfigurationError, match="would do nothing"):
        Recipe.parse("FORMAT dicom\n%header\n# nothing yet\n", "empty")


@pytest.mark.parametrize(
    "field",
    [
        *("PatientAge", "patientage", "Occupation", "00101010", "(0010,1010)", "ALL"),
        *("contains:(Age|Sex)", "EndsWith:Age", "except:Age", "select:vr:AS", "select:GROUP:0010"),
        "RequestAttributesSequence__StudyDate",
    ],
)
def test_what_deid_finds_is_taken(field: str) -> None:
    recipe = Recipe.parse(f"FORMAT dicom\n%header\nBLANK {field}\n", "test")
    assert recipe.header == (Action(action="BLANK", field=field),)
