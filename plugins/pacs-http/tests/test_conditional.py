"""What has not changed, and parts of what is there."""

from __future__ import annotations

import pytest

from pacs_http.api import Problem, byte_range, not_modified
from pacs_http.testing import make_request


@pytest.mark.parametrize(
    ("shown", "same"),
    [
        (None, False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ('"b"', False),
        ('"ab"', False),
        ("a", False),
        ("*", True),
    ],
)
@pytest.mark.parametrize("etag", ['"a"', 'W/"a"'])
def test_tags_are_compared_weakly(shown: str | None, same: bool, etag: str) -> None:
    headers = {} if shown is None else {"If-None-Match": shown}
    assert not_modified(make_request("GET", "/", headers=headers), etag) is same


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=2-", (2, 10)),
        ("bytes=2-99", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=5-2", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=-", None),
        ("bytes=x-y", None),
    ],
)
def test_one_range_is_heeded(wanted: str | None, part: tuple[int, int] | None) -> None:
    """Whatever is none, or several, is answered with everything (RFC 9110 14.2)."""
    headers = {} if wanted is None else {"Range": wanted}
    assert byte_range(make_request("GET", "/", headers=headers), 10) == part


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=-0", "bytes=99-100"])
def test_a_range_outside_is_refused_with_the_size(wanted: str) -> None:
    with pytest.raises(Problem) as caught:
        byte_range(make_request("GET", "/", headers={"Range": wanted}), 10)
    assert caught.value.status == 416
    assert caught.value.headers == (("Content-Range", "bytes */10"),)


@pytest.mark.parametrize(("shown", "part"), [('"a"', (0, 1)), ('"b"', None)])
def test_a_range_of_another_version_is_everything(shown: str, part: object) -> None:
    request = make_request("GET", "/", headers={"Range": "bytes=0-0", "If-Range": shown})
    assert byte_range(request, 10, '"a"') == part
    assert byte_range(request, 10) is None
