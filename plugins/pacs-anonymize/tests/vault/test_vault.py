"""The vault: what is kept is durable and blind, nothing contradicts, tampering is seen."""

from __future__ import annotations

import pickle
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pacs_anonymize.vault.entries import Entry, Kind, identity_of
from pacs_anonymize.vault.errors import VaultConflict, VaultDamaged, VaultError
from pacs_anonymize.vault.keeping import Keeper
from pacs_anonymize.vault.trail import Act
from pacs_anonymize.vault.vault import Vault, create_vault
from pacs_framework.testing.postgres import PrivatePostgres

KEY, OTHER = b"k" * 32, b"o" * 32
ACT = Act(who="tester@here", action="show", subject="CODE", reason="a test")
PATIENT = Entry(
    kind=Kind.PATIENT,
    pseudonym="CODE-1",
    original=identity_of("CLINIC", "ZKM-4711"),
    facts='{"name": "Zuckmayer"}',
)


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "vault")
    server: PrivatePostgres = request.getfixturevalue("pacs_postgres")
    return server.new_database()


@pytest.fixture
def opened() -> Iterator[Callable[..., Vault]]:
    """Opens vaults, as other processes would; they are closed in the end."""
    vaults: list[Vault] = []

    def opened(place: str, key: bytes = KEY) -> Vault:
        vaults.append(Vault(place, key))
        return vaults[-1]

    yield opened
    for each in vaults:
        each.close()


@pytest.fixture
def vault(place: str) -> Iterator[Vault]:
    made = create_vault(place, KEY, Act(who="tester@here", action="create"))
    yield made
    made.close()


def uid(number: int) -> Entry:
    return Entry(kind=Kind.UID, pseudonym=f"2.25.{number}", original=f"1.2.{number}")


def test_what_is_kept_is_found_again_both_ways(vault: Vault, place: str, opened) -> None:
    """Also by another process, which opens the vault anew."""
    vault.keep([PATIENT, uid(1), uid(2)])
    again = opened(place)
    assert again.by_pseudonym(Kind.PATIENT, ["CODE-1", "nobody"]) == {"CODE-1": PATIENT}
    assert again.by_pseudonym(Kind.PATIENT, ["CODE-1"])["CODE-1"].facts == PATIENT.facts
    assert again.by_original(Kind.UID, "1.2.2") == [uid(2)]
    assert again.by_original(Kind.PATIENT, identity_of("", "ZKM-4711")) == []
    assert {kind: n for kind, n in again.counts().items() if n} == {Kind.PATIENT: 1, Kind.UID: 2}


def test_a_pseudonym_stands_for_one_original(vault: Vault) -> None:
    """What contradicts is refused with all that came with it; the same again changes nothing."""
    vault.keep([uid(1)])
    vault.keep([uid(1)])
    wrong = Entry(kind=Kind.UID, pseudonym="2.25.1", original="1.2.999")
    with pytest.raises(VaultConflict, match="stands for another original"):
        vault.keep([uid(2), wrong])
    assert vault.by_pseudonym(Kind.UID, ["2.25.1", "2.25.2"]) == {"2.25.1": uid(1)}


def test_many_at_once_are_all_there(vault: Vault) -> None:
    vault.keep(uid(number) for number in range(1200))
    found = vault.by_pseudonym(Kind.UID, [f"2.25.{number}" for number in range(1300)])
    assert len(found) == 1200


def test_nothing_in_the_clear_lies_on_disk(tmp_path: Path) -> None:
    """Neither pseudonym nor original nor who asked why, and only its owner may read the files."""
    vault = create_vault(str(tmp_path / "vault"), KEY, ACT)
    vault.keep([PATIENT, uid(777)])
    vault.note([Act(who="tester@here", action="show", subject="CODE-1", reason="curiosity")])
    files = [path for path in tmp_path.iterdir() if path.name.startswith("vault")]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    content = b"".join(path.read_bytes() for path in files)
    for word in (b"CODE-1", b"ZKM-4711", b"Zuckmayer", b"2.25.777", b"tester", b"curiosity"):
        assert word not in content
    vault.close()


def test_another_key_opens_nothing(vault: Vault, place: str, opened) -> None:
    wrong = opened(place, OTHER)
    for use in (wrong.open, lambda: wrong.keep([PATIENT]), wrong.lines):
        with pytest.raises(VaultError, match="this is not the key of the vault"):
            use()


def test_what_is_there_is_never_made_anew(vault: Vault, place: str) -> None:
    vault.keep([PATIENT])
    with pytest.raises(VaultError, match="already"):
        create_vault(place, OTHER, ACT)
    assert vault.counts()[Kind.PATIENT] == 1


def test_a_vault_that_is_not_there_is_not_made_by_the_way(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="`pacs anonymize vault create` makes one"):
        Vault(str(tmp_path / "none"), KEY).open()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["sqlite://", "mysql://host/x", "no such dialect://x"])
def test_a_place_that_is_none_is_told(place: str) -> None:
    with pytest.raises(VaultError, match="give the path of a file"):
        Vault(place, KEY).open()


def test_the_trail_says_who_did_what_and_why(vault: Vault) -> None:
    vault.note([ACT, ACT])
    lines = vault.lines()
    assert [line.line for line in lines] == [1, 2, 3]
    assert [line.act.action for line in lines] == ["create", "show", "show"]
    assert lines[1].act == ACT
    assert lines[1].when.endswith("+00:00")


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM pacs_vault_trail WHERE line = 2",
        "DELETE FROM pacs_vault_trail WHERE line = 4",
        "UPDATE pacs_vault_trail SET sealed = x'00' WHERE line = 2",
        "UPDATE pacs_vault_trail SET line = 9 WHERE line = 4",
    ],
)
def test_a_trail_that_was_tampered_with_is_seen(tmp_path: Path, tampering: str) -> None:
    vault = create_vault(str(tmp_path / "vault"), KEY, ACT)
    vault.note([ACT, ACT, ACT])
    by_hand(tmp_path / "vault", tampering)
    with pytest.raises(VaultDamaged, match="the audit trail is broken at line"):
        vault.lines()
    vault.close()


def test_an_older_copy_is_known_by_the_head_that_was_kept(tmp_path: Path) -> None:
    """All of the database put back: the one thing that the vault alone cannot see."""
    file = tmp_path / "vault"
    vault = create_vault(str(file), KEY, ACT)
    vault.close()
    older = file.read_bytes()
    vault = Vault(str(file), KEY)
    vault.note([ACT])
    head = str(vault.head())
    assert vault.had(head)
    vault.close()
    file.write_bytes(older)
    vault = Vault(str(file), KEY)
    vault.lines()
    assert not vault.had(head)
    assert not vault.had("1:0000")
    assert not vault.had("nonsense")
    vault.close()


def test_an_entry_that_was_moved_does_not_open(tmp_path: Path) -> None:
    """Who may write to the database cannot make one pseudonym stand for somebody else."""
    vault = create_vault(str(tmp_path / "vault"), KEY, ACT)
    vault.keep([uid(1), uid(2)])
    sealed = "SELECT sealed FROM pacs_vault_entry ORDER BY pseudonym LIMIT 1"
    by_hand(tmp_path / "vault", f"UPDATE pacs_vault_entry SET sealed = ({sealed})")
    with pytest.raises(VaultDamaged, match="not what was written"):
        vault.by_pseudonym(Kind.UID, ["2.25.1", "2.25.2"])
    vault.close()


def by_hand(file: Path, statement: str) -> None:
    connection = sqlite3.connect(file)
    connection.executescript(statement)
    connection.commit()
    connection.close()


ONE_UID = """
DELETE FROM pacs_vault_entry
WHERE kind = 3 AND pseudonym = (SELECT max(pseudonym) FROM pacs_vault_entry WHERE kind = 3)
"""


@pytest.mark.parametrize(
    ("tampering", "told"),
    [
        (
            ONE_UID,
            r"1 of 4 entries of the vault are gone \(1 of kind UID\)",
        ),
        ("DELETE FROM pacs_vault_entry", r"4 of 4 entries .* \(1 of kind PATIENT, 3 of kind UID\)"),
        ("DELETE FROM pacs_vault_tally WHERE part = 3", "a part of the vault's tally is gone"),
        ("UPDATE pacs_vault_tally SET part = part + 20", "not what was written"),
    ],
    ids=["one entry", "all entries", "a part of the tally", "parts of the tally moved"],
)
def test_what_was_taken_out_is_missed(tmp_path: Path, tampering: str, told: str) -> None:
    """By a check, and by who would encrypt what is left as if it were all."""
    vault = create_vault(str(tmp_path / "vault"), KEY, ACT)
    vault.keep([PATIENT, uid(1)])
    vault.keep([uid(1), uid(2), uid(3)])
    assert vault.check()[Kind.UID] == 3
    by_hand(tmp_path / "vault", tampering)
    for look in (vault.check, lambda: vault.change_key(OTHER, ACT)):
        with pytest.raises(VaultDamaged, match=told):
            look()
    vault.open()
    vault.close()
    Vault(str(tmp_path / "vault"), KEY).lines()


def test_an_entry_that_comes_again_does_not_hide_that_it_was_gone(tmp_path: Path) -> None:
    """Its facts may be others: the vault is not what it was."""
    vault = create_vault(str(tmp_path / "vault"), KEY, ACT)
    vault.keep([PATIENT, uid(1)])
    by_hand(tmp_path / "vault", "DELETE FROM pacs_vault_entry WHERE kind = 1")
    vault.keep([PATIENT])
    with pytest.raises(VaultDamaged, match="1 of 3 entries of the vault are gone"):
        vault.check()
    vault.close()


def test_an_entry_in_the_place_of_another_one_is_seen(tmp_path: Path) -> None:
    """Both were encrypted with the key, for the same pseudonym, in two copies of one vault."""
    vault = create_vault(str(tmp_path / "vault"), KEY, ACT)
    vault.close()
    other = tmp_path / "other"
    other.write_bytes((tmp_path / "vault").read_bytes())
    copy = Vault(str(other), KEY)
    for each in (vault, copy):
        each.keep([uid(1)])
    copy.close()
    by_hand(
        tmp_path / "vault",
        f"ATTACH '{other}' AS other; DELETE FROM pacs_vault_entry; "
        "INSERT INTO pacs_vault_entry SELECT * FROM other.pacs_vault_entry",
    )
    assert vault.by_pseudonym(Kind.UID, ["2.25.1"]) == {"2.25.1": uid(1)}
    with pytest.raises(VaultDamaged, match="has 1 entries, which are not the 1 that were kept"):
        vault.check()
    vault.close()


def test_many_that_keep_at_one_time_count_right(vault: Vault, place: str, opened) -> None:
    """Also where they keep the same: what is there already, counts once."""

    def keep(number: int, each: Vault) -> None:
        for turn in range(8):
            each.keep([uid(turn), uid(100 + 8 * number + turn), uid(50 - turn)])

    vaults = [opened(place) for _ in range(4)]
    with ThreadPoolExecutor(len(vaults)) as pool:
        list(pool.map(keep, range(len(vaults)), vaults))
    assert vault.check()[Kind.UID] == 16 + 8 * len(vaults)


def test_another_key_takes_over_everything(vault: Vault, place: str, opened) -> None:
    vault.keep([PATIENT, *map(uid, range(1100))])
    vault.note([ACT] * 2100)
    before = vault.lines()
    vault.change_key(OTHER, Act(who="tester@here", action="change key"))
    for each in (vault, opened(place, OTHER)):
        assert each.by_pseudonym(Kind.PATIENT, ["CODE-1"]) == {"CODE-1": PATIENT}
        assert each.counts() == each.check()
        assert each.counts()[Kind.UID] == 1100
        assert each.lines()[:-1] == before
        assert each.lines()[-1].act.action == "change key"
    with pytest.raises(VaultError, match="not the key"):
        opened(place).open()


def test_who_has_the_old_key_open_keeps_nothing_that_nobody_could_read(
    vault: Vault, place: str, opened
) -> None:
    archive = opened(place)
    archive.open()
    vault.change_key(OTHER, ACT)
    with pytest.raises(VaultError, match="not the key"):
        archive.keep([PATIENT])
    assert vault.counts()[Kind.PATIENT] == 0


class Counting(Vault):
    """Counts its transactions; the first one waits until told to go on."""

    def __init__(self, place: str) -> None:
        super().__init__(place, KEY)
        self.kept: list[int] = []
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def keep(self, entries) -> None:
        entries = list(entries)
        self.kept.append(len(entries))
        self.entered.set()
        assert self.go_on.wait(30)
        super().keep(entries)


def test_threads_that_wait_share_a_transaction(tmp_path: Path) -> None:
    """And one of them that contradicts does not take the others down."""
    create_vault(str(tmp_path / "vault"), KEY, ACT).close()
    vault = Counting(str(tmp_path / "vault"))
    keeper = Keeper(vault)
    wrong = Entry(kind=Kind.UID, pseudonym="2.25.0", original="1.2.999")
    failed: list[str] = []

    def keep(entry: Entry) -> None:
        try:
            keeper([entry])
        except VaultConflict:
            failed.append(entry.original)

    first = threading.Thread(target=keep, args=[uid(0)])
    first.start()
    assert vault.entered.wait(30)
    others = [threading.Thread(target=keep, args=[each]) for each in [uid(1), uid(2), wrong]]
    for thread in others:
        thread.start()
    while len(keeper._waiting) < len(others):
        threading.Event().wait(0.005)
    vault.go_on.set()
    for thread in [first, *others]:
        thread.join(30)
    assert vault.kept[:2] == [1, 3]
    assert failed == ["1.2.999"]
    assert len(vault.by_pseudonym(Kind.UID, ["2.25.0", "2.25.1", "2.25.2"])) == 3
    vault.close()


def test_what_was_kept_lately_costs_nothing_again(tmp_path: Path) -> None:
    create_vault(str(tmp_path / "vault"), KEY, ACT).close()
    vault = Counting(str(tmp_path / "vault"))
    vault.go_on.set()
    keeper = Keeper(vault)
    for _ in range(3):
        keeper([uid(1), uid(2)])
    keeper([uid(2), uid(3)])
    assert vault.kept == [2, 1]
    vault.close()


def test_a_keeper_goes_to_other_processes(tmp_path: Path) -> None:
    create_vault(str(tmp_path / "vault"), KEY, ACT).close()
    keeper = Keeper(Vault(str(tmp_path / "vault"), KEY))
    keeper([uid(1)])
    there = pickle.loads(pickle.dumps(keeper))
    there([uid(2)])
    assert keeper.vault.counts()[Kind.UID] == 2
    there.vault.close()
    keeper.vault.close()
