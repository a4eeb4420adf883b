"""Keys of objects in a bucket."""

from __future__ import annotations

import pytest

from pacs_framework.buckets.naming import is_key, is_sealed, key_of, version_of
from pacs_framework.testing.objects import object_name


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("uid", ["1.2.3", "../../x", "", "Ä"])
def test_keys_are_harmless_and_tell_version_and_sealing(uid: str, sealed: bool) -> None:
    key = key_of(object_name(study_instance_uid=uid, version="0" * 24), sealed=sealed)
    assert is_key(key)
    assert (version_of(key), is_sealed(key)) == ("0" * 24, sealed)
    assert ".." not in key


@pytest.mark.parametrize(
    "key", ["", "x", "1/2/3.dcm", "1/2/3-0.dcm/", ".pacs-probe-0", "a/1/2-0.dcm"]
)
def test_what_else_is_in_a_bucket_is_no_key(key: str) -> None:
    assert not is_key(key)
