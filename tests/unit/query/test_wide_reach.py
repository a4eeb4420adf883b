"""A reach that names thousands is one like any other."""

from __future__ import annotations

import pytest

from pacs_framework.archive.query_keys import Root
from pacs_framework.archive.reach import Limit, Reach
from pacs_framework.dicom.attributes import Level


@pytest.mark.parametrize("rule", ["patients", "modalities", "studies"])
def test_thousands_may_be_named(filled, rule):
    """SQLite refuses expressions that are nested a thousand deep, as a chain of ORs is."""
    named = {"patients": "P1", "modalities": "CT", "studies": "1.2.1"}[rule]
    others = tuple(f"9{number}" for number in range(5000))
    limit = Limit(**{rule: (*others, named)})
    keys = filled.keys(SeriesInstanceUID="", StudyInstanceUID="1.2.1")
    found = filled.archive.query.find(
        Level.SERIES, Root.STUDY, keys, relational=True, within=Reach(((limit,),))
    )
    wanted = {"1.2.1.1"} if rule == "modalities" else {"1.2.1.1", "1.2.1.2"}
    assert {str(each.SeriesInstanceUID) for each in found} == wanted
    nobody = Reach(((Limit(**{rule: others}),),))
    assert not list(
        filled.archive.query.find(Level.SERIES, Root.STUDY, keys, relational=True, within=nobody)
    )
