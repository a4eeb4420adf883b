"""The storage suite notices: each broken backend fails the law that it breaks."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

BROKEN = '''
    import io
    import sys
    from functools import partial

    import pytest

    from pacs_framework.testing.memory_storage import MemoryStorage
    from pacs_framework.testing.suites.storage import StorageSuite


    class Suite(StorageSuite):
        durable = False
        made = MemoryStorage

        @pytest.fixture
        def backend(self):
            return self.made()


    class NoEnd(MemoryStorage):
        def open(self, key, *, offset=0, length=None):
            return super().open(key, offset=offset)

    class Late(MemoryStorage):
        """A list that is not made until it is asked for."""

        def list(self):
            for key in self.objects:
                yield self.stat(key)

    class SameKey(MemoryStorage):
        def key_for(self, name):
            return name.sop_instance_uid

    class Early(MemoryStorage):
        def begin(self, key, *, size=None, note=b""):
            writer = super().begin(key, size=size, note=note)
            writer.commit = partial(self.keep, writer, key)
            self.keep(writer, key)
            return writer

        def keep(self, writer, key):
            import datetime
            self.objects[key] = bytes(writer._data), datetime.datetime.now(datetime.UTC)

    class Strict(MemoryStorage):
        def delete(self, key):
            del self.objects[key]

    class Remembering(MemoryStorage):
        def remembers(self, key):
            return True

    class LocalTime(MemoryStorage):
        """It takes the clock on the wall for UTC."""

        def stat(self, key):
            import dataclasses, datetime
            wall = datetime.datetime.now().replace(tzinfo=datetime.UTC)
            return dataclasses.replace(super().stat(key), committed=wall)

        def list(self):
            yield from map(self.stat, list(self.objects))

    class Boundless(MemoryStorage):
        """It tells its room, and begins whatever it is asked to."""

        def free_space(self):
            return 1000

    class TestLocalTime(Suite):
        made = LocalTime

    class TestBoundless(Suite):
        made = Boundless
        measures_room = True

    class TestUnmeasured(Suite):
        measures_room = True

    class TestNoEnd(Suite):
        made = NoEnd

    class TestLate(Suite):
        made = Late

    class TestSameKey(Suite):
        made = SameKey

    class TestEarly(Suite):
        made = Early

    class TestStrict(Suite):
        made = Strict

    class TestRemembering(Suite):
        made = Remembering

    class TestClaiming(Suite):
        remembers = True

    class TestForgetful(StorageSuite):
        """It says that it is durable, and forgets with its process."""

        @pytest.fixture
        def opener(self):
            return MemoryStorage
'''

EXPECTED = {
    "NoEnd": {"test_ranges_are_cut_at_both_ends", "test_any_range_is_read_in_any_pieces"},
    "Late": {"test_a_list_goes_on_while_objects_come_and_go"},
    "SameKey": {"test_keys_are_short_differ_by_version_and_tell_it"},
    "Early": {"test_nobody_sees_an_object_before_its_commit"},
    "Strict": {"test_delete_of_a_missing_object_is_no_error"},
    "Remembering": {"test_capabilities_are_declared"},
    "Claiming": {"test_capabilities_are_declared"},
    "LocalTime": {"test_the_time_of_a_commit_is_the_real_one_in_every_time_zone"},
    "Boundless": {"test_an_object_without_room_is_refused_before_a_byte_of_it_came"},
    "Unmeasured": {"test_an_object_without_room_is_refused_before_a_byte_of_it_came"},
    "Forgetful": {
        "test_another_opening_finds_everything",
        "test_what_was_committed_outlives_a_killed_process",
        "test_what_was_not_committed_when_a_process_was_killed_is_gone",
        "test_processes_store_and_read_at_once",
    },
}


def test_each_broken_backend_fails_the_law_that_it_breaks(run_pytest) -> None:
    wanted = {f"Test{cls}::{law}" for cls, laws in EXPECTED.items() for law in laws}
    report = run_pytest(*(f"test_broken.py::{each}" for each in wanted), test_broken=BROKEN)
    assert report.of("failure") == wanted, report.text[-3000:]


def test_a_durable_backend_needs_an_opener(run_pytest) -> None:
    """And is told so."""
    report = run_pytest(
        "-k",
        "another_opening",
        test_half="""
        import pytest
        from pacs_framework.testing.memory_storage import MemoryStorage
        from pacs_framework.testing.suites.storage import StorageSuite

        class TestHalf(StorageSuite):
            @pytest.fixture
            def backend(self):
                return MemoryStorage()
        """,
    )
    assert report.of("error") == {"TestHalf::test_another_opening_finds_everything"}
    assert "TestHalf needs a fixture 'opener'" in report.text


UNSYNCED = f"""
    import sys
    from functools import partial

    import pytest

    sys.path.insert(0, {str(ROOT / "templates/plugin/storage/src")!r})

    import pacs_samplename.files
    from pacs_framework.testing.memory_storage import MemoryStorage
    from pacs_framework.testing.suites.storage import StorageSuite
    from pacs_samplename.folder import FolderStorage

    class TestUnsynced(StorageSuite):
        @pytest.fixture
        def opener(self):
            return MemoryStorage

    class TestDeclared(TestUnsynced):
        syncs_elsewhere = "the memory has a battery"

    class TestSynced(StorageSuite):
        @pytest.fixture
        def opener(self, tmp_path):
            return partial(FolderStorage, tmp_path / "objects")

    class TestNameUnsynced(TestSynced):
        @pytest.fixture
        def opener(self, tmp_path, monkeypatch):
            monkeypatch.setattr(pacs_samplename.files, "sync_folder", lambda _: None)
            return partial(FolderStorage, tmp_path / "objects")
"""


def test_a_backend_that_does_not_sync_fails_exactly_one_law(run_pytest) -> None:
    """No killed process shows it: what it wrote stays in the page cache."""
    law = "test_what_was_committed_is_synced"
    alone = [
        f"test_unsynced.py::Test{cls}::{law}" for cls in ("Synced", "NameUnsynced", "Declared")
    ]
    one_process = ("-k", "not process and not opening")
    report = run_pytest(
        *one_process, "test_unsynced.py::TestUnsynced", *alone, test_unsynced=UNSYNCED
    )
    assert report.of("failure") == {f"TestUnsynced::{law}", f"TestNameUnsynced::{law}"}
    assert report.of("skipped") == {f"TestDeclared::{law}"}
    assert report.of("error") == set()
    assert f"TestSynced::{law}" in report.of("passed")
    assert len(report.of("passed")) > 20
    assert "nothing was synced: a power cut takes the object" in report.text
    assert "the folder of a file that was renamed was not synced" in report.text
