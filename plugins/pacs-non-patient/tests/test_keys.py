"""The index of keys: it tells all that can match, follows its instances, and reads few."""

from __future__ import annotations

from copy import deepcopy

import pytest
import sqlalchemy as sa
from pydicom import Dataset

import pacs_non_patient.collection as collections
from pacs_framework.dicom.matching import LITERAL, Matcher, MatchingRules
from pacs_framework.dicom.packed import unpack
from pacs_framework.index.entry import DuplicatePolicy
from pacs_framework.tables import PluginTables, new_metadata
from pacs_non_patient.categories import BY_CATEGORY, MODELS
from pacs_non_patient.collection import Collection
from pacs_non_patient.keys import conditions_of, values_in
from pacs_non_patient.searching import find
from pacs_non_patient.tables import NAME, TABLES, instance, key

PROTOCOLS = BY_CATEGORY["hanging-protocols"]


def keys(**values: object) -> Dataset:
    """An identifier, or the item of one."""
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def rows(tables) -> set[tuple[str, str, str]]:
    """All of the index."""
    with tables.reading() as connection:
        return {tuple(row) for row in connection.execute(sa.select(key))}


def read(kept: Collection, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many instances each page has that is read from now on."""
    pages: list[int] = []
    page = Collection.page

    def counted(self, *arguments):
        found = page(self, *arguments)
        pages.append(len(found))
        return found

    monkeypatch.setattr(Collection, "page", counted)
    return pages


@pytest.fixture
def varied(collection, hanging_protocol, arrived):
    """Instances whose values begin alike, are long, lack, or are no dates."""
    kept = collection()
    levels = ["SITE", "MANUFACTURER", "", "site"]
    for n in range(24):
        definition = keys(Modality=["CT", "MR", "ct"][n % 3])
        kept.put(
            arrived(
                hanging_protocol(
                    SOPInstanceUID=f"1.2.{n + 1}",
                    HangingProtocolName=["CHEST", "CHEST PAIR", "chest", "", "Z" * 200][n % 5],
                    HangingProtocolLevel=levels[n % 4],
                    HangingProtocolDefinitionSequence=[definition, keys(Modality=f"M{n}")],
                )
            )
        )
    return kept


ASKED = [
    keys(HangingProtocolName="CHEST"),
    keys(HangingProtocolName="CHEST*"),
    keys(HangingProtocolName="?HEST"),
    keys(HangingProtocolName="*"),
    keys(HangingProtocolName=["CHEST", "chest"]),
    keys(HangingProtocolName='""'),
    keys(HangingProtocolName="Z" * 200),
    keys(HangingProtocolName="Z" * 150 + "*"),
    keys(HangingProtocolName="CHEST", HangingProtocolLevel="SITE"),
    keys(HangingProtocolLevel=""),
    keys(HangingProtocolDefinitionSequence=[keys(Modality="CT")]),
    keys(HangingProtocolDefinitionSequence=[keys(Modality="M1*")]),
    keys(HangingProtocolDefinitionSequence=[keys(Modality="M1"), keys(Modality="M2")]),
    keys(HangingProtocolDefinitionSequence=[keys(Modality="CT"), Dataset()]),
    keys(HangingProtocolDefinitionSequence=[]),
    keys(NumberOfScreens=1),
    keys(SOPClassUID="1.2.3"),
]


@pytest.mark.parametrize(
    "rules",
    [
        LITERAL,
        MatchingRules(ignore_case=True),
        MatchingRules(empty_values=True),
        MatchingRules(multiple_values=True),
    ],
)
def test_the_index_leaves_out_nothing_that_matches(varied, rules):
    """What is found is what the matcher finds among all of them."""
    classes = [sop_class for model in PROTOCOLS for sop_class in model.storage]
    every = [unpack(each) for each in varied.attributes(classes)]
    for asked in ASKED:
        matcher = Matcher(asked, rules)
        expected = [each.SOPInstanceUID for each in every if matcher.matches(each)]
        found = [each.SOPInstanceUID for each in find(varied, PROTOCOLS, asked, rules)]
        assert found == expected, asked


@pytest.mark.parametrize(
    ("asked", "most"),
    [
        (keys(HangingProtocolName="CHEST"), 5),
        (keys(HangingProtocolDefinitionSequence=[keys(Modality="M7")]), 1),
        (keys(HangingProtocolName="CHEST", HangingProtocolLevel="SITE"), 2),
        (keys(SOPInstanceUID=["1.2.1", "1.2.99"]), 1),
        (keys(HangingProtocolName="KNEE"), 0),
    ],
)
def test_only_what_can_match_is_read(varied, monkeypatch, asked, most):
    pages = read(varied, monkeypatch)
    list(find(varied, PROTOCOLS, asked))
    assert sum(pages) == most


def test_what_thousands_have_is_read_through(varied, monkeypatch):
    """Without a list of them in memory; nothing is missed."""
    asked = keys(HangingProtocolName="CHEST*")
    found = [each.SOPInstanceUID for each in find(varied, PROTOCOLS, asked)]
    monkeypatch.setattr(collections, "_MOST_NAMED", 3)
    pages = read(varied, monkeypatch)
    assert [each.SOPInstanceUID for each in find(varied, PROTOCOLS, asked)] == found
    assert sum(pages) == 24


def test_a_search_of_a_category_is_narrowed_for_all_of_its_models(collection, one_of_each, arrived):
    """An attribute that one model requires is in the index for all of them."""
    kept = collection()
    for dataset in one_of_each:
        kept.put(arrived(dataset))
    models = BY_CATEGORY["implant-templates"]
    asked = keys(Manufacturer="Hip & Sons")
    assert len(list(conditions_of(asked, models, LITERAL))) == 1
    (found,) = find(kept, models, asked)
    assert found.Manufacturer == "Hip & Sons"


def test_instances_of_every_category_have_keys_that_are_indexed(one_of_each):
    for dataset in one_of_each:
        assert values_in(dataset, str(dataset.SOPClassUID))


def test_dates_are_found_in_every_form(collection, one_of_each, arrived):
    """And not the ones that are none."""
    kept = collection()
    (protocol,) = (deepcopy(each) for each in one_of_each if "ProtocolName" in each)
    models = [each for each in MODELS if str(protocol.SOPClassUID) in each.storage]
    for n, date in enumerate(("20260101", "2026.03.01", "", "20261231")):
        protocol.SOPInstanceUID = f"1.2.{n}"
        protocol.InstanceCreationDate = date
        kept.put(arrived(protocol))
    for asked, expected in (
        ("20260301", ["1.2.1"]),
        ("20260101-20260301", ["1.2.0", "1.2.1"]),
        ("-20260228", ["1.2.0"]),
        ("20260302-", ["1.2.3"]),
        ("soon", []),
    ):
        found = find(kept, models, keys(InstanceCreationDate=asked))
        assert [each.SOPInstanceUID for each in found] == expected


def test_what_no_index_takes_is_found_all_the_same(collection, hanging_protocol, arrived):
    """A NUL, which PostgreSQL keeps in no text, and paths that are longer than its rows may be."""
    kept = collection()
    innermost = keys(CodeValue="deep")
    for _ in range(40):
        innermost = keys(PerformedProtocolCodeSequence=[innermost])
    whole = keys(HangingProtocolDefinitionSequence=[innermost])
    definition = deepcopy(whole.HangingProtocolDefinitionSequence)
    protocol = hanging_protocol(SOPInstanceUID="1.2.3", HangingProtocolName="A\0B")
    protocol.HangingProtocolDefinitionSequence = definition
    kept.put(arrived(protocol))
    kept.put(arrived(hanging_protocol(SOPInstanceUID="1.2.4", HangingProtocolName="A?B")))
    for asked in (keys(HangingProtocolName="A\0B"), keys(HangingProtocolName="A\0*"), whole):
        assert [each.SOPInstanceUID for each in find(kept, PROTOCOLS, asked)] == ["1.2.3"]


def test_the_index_follows_what_is_replaced_and_deleted(
    pacs_tables, pacs_index_url, hanging_protocol, arrived
):
    tables = pacs_tables(TABLES, NAME, index_url=pacs_index_url)
    kept = Collection(tables, DuplicatePolicy.REPLACE)
    for name in ("CHEST", "KNEE", "KNEE"):
        kept.put(arrived(hanging_protocol(SOPInstanceUID="1.2.3", HangingProtocolName=name)))
    names = {value for name, value, _ in rows(tables) if name == "HangingProtocolName"}
    assert names == {"KNEE"}
    assert kept.delete("1.2.3")
    assert rows(tables) == set()
    assert not kept.delete("1.2.3")


def test_older_tables_get_the_keys_of_what_they_have(
    pacs_tables, pacs_index_url, one_of_each, arrived
):
    """As if it had just come."""
    old = new_metadata()
    table = instance.to_metadata(old)
    sa.Index(None, table.c.sop_class_uid, table.c.label)
    before = pacs_tables(PluginTables(metadata=old), NAME, index_url=pacs_index_url)
    wanted = set()
    for dataset in one_of_each:
        new = arrived(dataset)
        values = collections._values(new, "OLD")
        with before.begin() as connection:
            connection.execute(sa.insert(instance).values(values))
        wanted |= {(name, value, new.sop_instance_uid) for name, value in new.keys}
    tables = pacs_tables(TABLES, NAME, index_url=pacs_index_url)
    assert rows(tables) == wanted
    with tables.reading() as connection:
        inspector = sa.inspect(connection)
        for each in (instance, key):
            found = {tuple(index["column_names"]) for index in inspector.get_indexes(each.name)}
            assert found == {tuple(index.columns.keys()) for index in each.indexes}
            assert {column["name"] for column in inspector.get_columns(each.name)} == set(
                each.c.keys()
            )
