"""What a plan takes and what it leaves: the laws of rules, without an archive."""

from __future__ import annotations

import datetime as dt
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pacs_framework.archive.corrections import PatientKey
from pacs_framework.index.inventory import StudyFacts
from pacs_retention.planning import Plan, planned
from pacs_retention.settings import Settings

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
_numbers = count(1)


def study(days: float = 100, *, patient: str = "A", size: int = 10, **facts: Any) -> StudyFacts:
    """One whose last instance came in so many days ago."""
    last = NOW - dt.timedelta(days=days)
    return StudyFacts(
        **{
            "patient": PatientKey(patient_id=patient),
            "study_instance_uid": f"1.2.{next(_numbers)}",
            "study_date": "",
            "instances": 1,
            "size": size,
            "first": last,
            "last": last,
            "modalities": frozenset({"CT"}),
            "sources": frozenset({"ONE"}),
            "labels": frozenset(),
            "protected": False,
            "delivered": True,
            **facts,
        }
    )


def rules(*made: dict[str, Any], **settings: Any) -> Settings:
    named = [{"name": f"rule-{number}", **rule} for number, rule in enumerate(made)]
    return Settings.model_validate({"rules": named, **settings})


def gone(studies: list[StudyFacts], settings: Settings) -> list[int]:
    """The places of the studies that go, in the order in which they go."""
    plan = planned(studies, settings, NOW)
    return [studies.index(step.study) for step in plan.steps]


def held(plan: Plan) -> dict[str, str]:
    return {each.study.study_instance_uid: each.why for each in plan.held}


def test_without_rules_nothing_goes() -> None:
    assert gone([study(10_000)], Settings()) == []


def test_what_is_too_old_goes_the_oldest_first() -> None:
    found = [study(10), study(400), study(366), study(364)]
    assert gone(found, rules({"days": 365})) == [1, 2]


def test_a_rule_is_for_what_it_names_only() -> None:
    """Modality, source and label have to fit, each with one of its values."""
    found = [
        study(),
        study(modalities=frozenset({"US", "SR"})),
        study(sources=frozenset({"TWO"})),
        study(labels=frozenset({"vip"})),
    ]
    assert gone(found, rules({"days": 1, "modality": ["US", "MR"]})) == [1]
    assert gone(found, rules({"days": 1, "source": ["TWO"]})) == [2]
    assert gone(found, rules({"days": 1, "label": ["vip"]})) == [3]
    assert gone(found, rules({"days": 1, "except_label": ["vip"]})) == [0, 1, 2]
    assert gone(found, rules({"days": 1, "modality": ["US"], "source": ["TWO"]})) == []


def test_of_too_many_bytes_the_oldest_go_and_no_more_than_needed() -> None:
    found = [study(3), study(9), study(6), study(12)]
    assert gone(found, rules({"max_size": 40})) == []
    assert gone(found, rules({"max_size": 39})) == [3]
    assert gone(found, rules({"max_size": 20})) == [3, 1]
    assert gone(found, rules({"max_size": 0})) == [3, 1, 2, 0]


def test_of_too_many_patients_the_oldest_go_whole() -> None:
    """A patient is as old as the youngest study."""
    found = [study(50, patient="A"), study(2, patient="A"), study(20, patient="B")]
    assert gone(found, rules({"max_patients": 1})) == [2]
    assert gone(found, rules({"max_patients": 0})) == [2, 0, 1]


def test_patients_as_units_go_whole_or_not_at_all() -> None:
    found = [study(50, patient="A"), study(2, patient="A"), study(20, patient="B")]
    assert gone(found, rules({"days": 10, "unit": "patient"})) == [2]
    assert gone(found, rules({"max_size": 25, "unit": "patient"})) == [2]
    found[1] = study(2, patient="A", protected=True)
    assert gone(found, rules({"max_size": 0, "unit": "patient"})) == [2]


def test_study_dates_count_where_there_are_any() -> None:
    found = [study(1, study_date="20200101"), study(1, study_date=""), study(1, study_date="soon")]
    assert gone(found, rules({"days": 365, "by": "study-date"})) == [0]


def test_what_has_to_stay_stays_and_the_plan_tells_why() -> None:
    """It counts where bytes are counted, and others go in its place."""
    found = [study(9, protected=True), study(8, delivered=False), study(0.01), study(7)]
    settings = rules({"max_size": 20}, quiet=3600)
    plan = planned(found, settings, NOW)
    assert [step.study for step in plan.steps] == [found[3]]
    assert list(held(plan).values()) == [
        "protected",
        "not seen by all consumers of the change feed",
        "just came in",
    ]
    assert plan.due is not None
    assert plan.due > NOW
    anyway = rules({"max_size": 0}, quiet=0, wait_for_consumers=False)
    assert gone(found, anyway) == [1, 3, 2]


def test_the_first_rule_that_wants_a_study_has_it() -> None:
    found = [study(50), study(40)]
    plan = planned(found, rules({"days": 45}, {"days": 30}), NOW)
    assert [(step.study, step.rule) for step in plan.steps] == [
        (found[0], "rule-0"),
        (found[1], "rule-1"),
    ]


@pytest.mark.parametrize("limit", [{"cycle_studies": 2}, {"cycle_size": 25}])
def test_a_cycle_takes_no_more_than_it_may(limit: dict[str, int]) -> None:
    """What is left goes in the next one; the oldest of all goes in any case."""
    found = [study(50), study(40), study(30), study(20, size=1)]
    plan = planned(found, rules({"days": 10, **limit}), NOW)
    assert [step.study for step in plan.steps] == found[:2]
    assert plan.more
    large = planned([study(50, size=99), study(40)], rules({"days": 10, "cycle_size": 5}), NOW)
    assert len(large.steps) == 1


def test_a_plan_knows_when_the_next_study_is_too_old() -> None:
    plan = planned([study(50), study(4), study(2)], rules({"days": 10}), NOW)
    assert len(plan.steps) == 1
    assert plan.due == NOW + dt.timedelta(days=6)


@given(
    ages=st.lists(st.integers(1, 30), max_size=12),
    patients=st.data(),
    limit=st.integers(0, 150),
    unit=st.sampled_from(["study", "patient"]),
)
def test_a_limit_is_reached_by_the_fewest_of_the_oldest(
    ages: list[int], patients: st.DataObject, limit: int, unit: str
) -> None:
    """Under the limit or nothing is left to take; with one unit less it would be over it; and
    nothing protected goes.
    """
    found = [
        study(
            days,
            patient=patients.draw(st.sampled_from("ABC")),
            size=patients.draw(st.integers(1, 30)),
            protected=patients.draw(st.booleans()),
        )
        for days in ages
    ]
    plan = planned(found, rules({"max_size": limit, "unit": unit}), NOW)
    taken = [step.study for step in plan.steps]
    left = sum(each.size for each in found) - sum(each.size for each in taken)
    assert not any(each.protected for each in taken)
    whole = {each.patient for each in found if each.protected}
    free = [
        each
        for each in found
        if each not in taken
        and not each.protected
        and (unit == "study" or each.patient not in whole)
    ]
    assert left <= limit or not free
    if taken:
        last = [
            each
            for each in taken
            if each is taken[-1] or (unit == "patient" and each.patient == taken[-1].patient)
        ]
        assert left + sum(each.size for each in last) > limit


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"rules": [{"name": "one"}]}, "takes nothing"),
        ({"rules": [{"name": "one", "days": 1}] * 2}, "there twice"),
        ({"rules": [{"name": "one", "days": 0}]}, "greater than 0"),
        ({"rules": [{"name": "One", "days": 1}]}, "pattern"),
    ],
)
def test_rules_that_mean_nothing_are_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings.model_validate(wrong)
