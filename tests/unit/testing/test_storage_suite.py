"""The storage suite notices: each broken backend fails the law that it breaks."""

from __future__ import annotations

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
