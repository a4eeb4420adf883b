"""What may stand in [plugin.fetch], and what is refused."""

from __future__ import annotations

import datetime as dt

import pytest
from pydantic import ValidationError

from pacs_fetch.settings import FetchSettings, times_of

OLD = {"name": "old", "peer": "OLD"}


def test_a_site_may_say_little() -> None:
    settings = FetchSettings.model_validate(
        {"source": [OLD], "priors": {"sources": "old"}, "pull": [{"source": "old"}]}
    )
    assert settings.named("old") is settings.source[0]
    assert settings.named("new") is None
    assert settings.priors.at == ("18:00",)
    assert settings.pull[0].at == ("22:00",)


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"source": [OLD, OLD]}, "two of source have the name 'old'"),
        ({"priors": {"sources": "old"}}, "'old' is no source"),
        ({"pull": [{"source": "old"}]}, "'old' is no source"),
        ({"priors": {"at": "25:00"}}, "'25:00' is no time of day"),
        ({"priors": {"at": ["18:00", "6 pm"]}}, "'6 pm' is no time of day"),
        ({"source": [{**OLD, "retrieve": "push"}]}, "'move' or 'get'"),
        ({"source": [{**OLD, "retry_first": 9, "retry_longest": 1}]}, "retry_longest is less"),
        ({"source": [{"name": "O L D", "peer": "OLD"}]}, "should match pattern"),
        ({"source": [{"name": "old", "peer": "X" * 17}]}, "1 to 16 characters"),
        ({"priors": {"relevant": [{"score": 101}]}}, "less than or equal to 100"),
        ({"priors": {"days": -1}}, "greater than or equal to 0"),
        ({"sources": []}, "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_meant_is_refused(tree: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FetchSettings.model_validate(tree)


def test_times_of_day() -> None:
    assert times_of(["06:05", " 18:00 "]) == [dt.time(6, 5), dt.time(18)]
