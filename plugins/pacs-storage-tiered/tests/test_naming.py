"""Keys, and the names that places get."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_framework.testing.objects import object_name
from pacs_storage_filesystem.naming import Naming, is_key, key_of, version_of
from pacs_storage_tiered.naming import Key

_UIDS = st.from_regex(r"[0-9][0-9.]{0,63}", fullmatch=True)
_VERSIONS = st.from_regex(r"[0-9a-z]{1,24}", fullmatch=True)
_LONGEST = "9." * 32


@given(_UIDS, _UIDS, _UIDS, _VERSIONS)
def test_what_a_place_knows_tells_the_object(
    study: str, series: str, instance: str, version: str
) -> None:
    """Its version alone, whatever the UIDs are."""
    key = Key(study, series, instance, version)
    assert Key.parse(str(key)) == key
    assert Key.from_place(key.name_for_place().version) == key


@pytest.mark.parametrize("naming", list(Naming))
def test_the_longest_uids_fit_into_names_of_files(naming: Naming) -> None:
    """255 characters are the limit of most file systems."""
    key = Key(_LONGEST, _LONGEST, _LONGEST, "f" * 24)
    made = key_of(key.name_for_place(), naming)
    assert is_key(made)
    assert Key.from_place(version_of(made)) == key


def test_later_versions_sort_later_in_places() -> None:
    """As the kernel says of them."""
    names = [Key("1.2", "1.3", "1.4", f"{n:014x}{'a' * 10}").name_for_place() for n in (9, 10, 300)]
    assert sorted(name.version for name in names) == [name.version for name in names]


@pytest.mark.parametrize("version", ["", "0", "00", "zz", "some-stray-file", "0" * 24, "1.dcm"])
def test_what_another_one_put_into_a_place_is_no_object(version: str) -> None:
    assert Key.from_place(version) is None


def test_no_patient_is_in_a_key() -> None:
    assert Key.of(object_name(patient_id="SECRET")) == Key.of(object_name(patient_id="OTHER"))
