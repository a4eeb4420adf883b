"""Reading messages and mappings, without a wire."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import pytest

from pacs_framework.errors import ConfigurationError
from pacs_hl7.faults import Fault
from pacs_hl7.mapping import default_text, load_mapping
from pacs_hl7.message import read_message
from pacs_hl7.paths import Path as FieldPath
from pacs_hl7.values import KINDS

sys.path.insert(0, str(Path(__file__).parent))  # in importlib mode it is not there

from hl7_peers import encoded

MSH = "MSH|^~\\&|A|B|C|D|2026||ADT^A08|1|P|2.5||||||"


def found(line: str, path: str, codec: str = "latin-1", charset: str = "8859/1"):
    message = read_message(encoded((MSH + charset, line), codec))
    return FieldPath.parsed(path).find(message, message.segments)


def text(line: str, path: str) -> str | None:
    there = found(line, path)
    parsed = FieldPath.parsed(path)
    return None if there is None else there.text(parsed.component or 1, parsed.sub)


PID = "PID|1||a^^^H&1.2&ISO^MR~b^^^^PI~c||Doe&van^John"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("PID-3", "a"),
        ("PID-3.1[5=PI]", "b"),
        ("PID-3.1[5=XX|PI]", "b"),
        ("PID-3.1[5=]", "c"),
        ("PID-3.1[5=XX]", None),
        ("PID-3.4.2", "1.2"),
        ("PID-5.1.2", "van"),
        ("PID-5.2", "John"),
        ("PID-5.3", None),
        ("PID-99", None),
        ("PV1-3", None),
    ],
)
def test_a_path_leads_to_its_value(path, value):
    assert text(PID, path) == value


@pytest.mark.parametrize("path", ["PID", "PID-", "PID-0", "pid-3", "PID-3.", "PID-3[5]", "PID.3"])
def test_what_is_no_path_is_told(path):
    with pytest.raises(ValueError, match="is no field path"):
        FieldPath.parsed(path)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (r"\X4D\\XFC\ller", "Müller"),
        (r"one\.br\two", "one\r\ntwo"),
        (r"\H\bold\N\ ", "bold"),
        (r"a\Zlocal\b", r"a\Zlocal\b"),
        ("a\\b", "a\\b"),
    ],
)
def test_escape_sequences_mean_what_the_standard_says(written, meant):
    assert text(f"NTE|1||{written}", "NTE-3") == meant


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("UNICODE UTF-8", "utf-8"),
        ("8859/15", "iso8859-15"),
        ("~ISO IR87", "iso2022_jp"),
        ("ISO IR87", "iso2022_jp"),
        ("GB 18030-2000", "gb18030"),
        ("KS X 1001", "euc_kr"),
        ("BIG-5", "big5"),
    ],
)
def test_character_sets_are_read(charset, codec):
    """Multi-byte characters may hold bytes that look like separators."""
    name = {"iso8859-15": "Šorš€", "euc_kr": "김희중", "big5": "許功蓋"}.get(
        codec, "齋藤|".strip("|")
    )
    there = found(f"PID|1||1||{name}^x", "PID-5", codec, charset)
    assert there is not None
    assert there.text() == name


def test_representations_of_a_name_become_component_groups():
    name = "YAMADA^TAROU^^^^^L^A~山田^太郎^^^^^L^I~やまだ^たろう^^^^^L^P"
    there = found(f"PID|1||1||{name}", "PID-5", "utf-8", "UNICODE UTF-8")
    assert KINDS["person-name"](there, 0, 1) == "YAMADA^TAROU=山田^太郎=やまだ^たろう"


@pytest.mark.parametrize(
    ("written", "date", "time"),
    [
        ("20261121", "20261121", ""),
        ("202611211030", "20261121", "1030"),
        ("20261121103015.25+0100", "20261121", "103015.25"),
        ("202611", "", ""),
    ],
)
def test_time_stamps_are_days_and_times(written, date, time):
    there = found(f"OBR|{written}", "OBR-1")
    assert (KINDS["date"](there, 1, 1), KINDS["time"](there, 1, 1)) == (date, time)


def test_a_line_end_of_any_kind_ends_a_segment():
    message = read_message((MSH + "\nEVN|A08\r\nPID|1\n\n").encode())
    assert [each.name for each in message.segments] == ["MSH", "EVN", "PID"]


def test_every_prefix_of_a_message_is_read_or_refused():
    """Never anything but a `Fault`."""
    data = encoded((MSH, PID, r"NTE|1||\X4D\\.br\\C1234\ "))
    for end in range(len(data)):
        with suppress(Fault):
            message = read_message(data[:end])
            for segment in message.segments[1:]:
                for field in segment.fields:
                    for repetition in message.repetitions(field):
                        message.components(repetition)


# --- mapping files ------------------------------------------------------------------------------


def test_the_default_mapping_is_one():
    mapping = load_mapping(None)
    assert mapping.action("ORM^O01") == "orders"
    assert mapping.action("ORU^R01") is None


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"ADT^A08" = "update-patient"', '"ADT^A08" = "burn"', "none of orders"),
        ('NW = "plan"', 'NW = "sing"', "none of plan, cancel, status"),
        ('PatientName = "PID-5"', 'PatientNam = "PID-5"', "'PatientNam' is no keyword of PS3.6"),
        ('PatientName = "PID-5"', 'PatientName = "PID.5"', "is no field path"),
        ('PatientName = "PID-5"', "PatientName = 5", "write a path, or {from, as, table}"),
        ('table = "sex"', 'table = "gender"', "there is no [tables.gender]"),
        ('as = "address"', 'as = "house"', "none of text, date"),
        ('order = ["ORC-2.1"', 'ordre = ["ORC-2.1"', "orders.order is no field path"),
        ("[procedure]", "[proceedings]", "unknown section [proceedings]"),
        ("[messages]", "[messages", "cannot be read"),
    ],
)
def test_a_mapping_that_cannot_hold_is_told(tmp_path, old, new, problem):
    text_ = default_text()
    assert text_.count(old) >= 1
    file = tmp_path / "mapping.toml"
    file.write_text(text_.replace(old, new, 1), "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_mapping(file)
    assert problem in str(caught.value)
    assert "mapping.toml" in str(caught.value)
