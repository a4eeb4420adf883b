"""The suite of job queues notices: each broken queue fails the law that it breaks."""

from __future__ import annotations

BROKEN = '''
    import dataclasses

    import pytest

    from pacs_framework.testing.suites.jobs import JobQueueSuite
    from pacs_jobs import book, ending, plugin, putting, queue, taking
    from pacs_jobs.tables import NAME


    class Suite(JobQueueSuite):
        plugin_name = NAME

        @pytest.fixture
        def plugin(self, monkeypatch):
            self.damage(monkeypatch)
            return plugin


    class TestKeysAreForgotten(Suite):
        def damage(self, patch):
            patch.setattr(putting, "_single", lambda order, batch, number: f"{batch} {number}")

    class TestNoLanes(Suite):
        def damage(self, patch):
            row = putting._row
            patch.setattr(putting, "_row", lambda *given: {**row(*given), "lane": ""})

    class TestNoPriority(Suite):
        def damage(self, patch):
            row = putting._row
            patch.setattr(putting, "_row", lambda *given: {**row(*given), "priority": 0})

    class TestNoRate(Suite):
        def damage(self, patch):
            patch.setattr(taking, "_allowed", lambda connection, kind: (None, None))

    class TestOneAttempt(Suite):
        def damage(self, patch):
            patch.setattr(ending, "_gives_up", lambda row, kind: True)

    class TestPausesAreForgotten(Suite):
        def damage(self, patch):
            patch.setattr(book, "paused", lambda connection: [])
            patch.setattr(book, "lock_kinds", lambda connection, kinds: {})

    class TestNothingIsHeld(Suite):
        def damage(self, patch):
            row = putting._row
            patch.setattr(putting, "_row", lambda *given: {**row(*given), "state": "waiting"})

    class TestHalfIsPutIn(Suite):
        """Each order for itself, so that those before a refused one stay."""

        def damage(self, patch):
            put = queue.TableQueue.enqueue
            patch.setattr(
                queue.TableQueue,
                "enqueue",
                lambda self, orders: [each for order in orders for each in put(self, [order])],
            )
'''

EXPECTED = {
    "KeysAreForgotten": {"test_a_key_makes_one_job"},
    "NoLanes": {"test_jobs_of_one_lane_never_run_side_by_side"},
    "NoPriority": {"test_priority_comes_first_then_who_waits_longer"},
    "NoRate": {"test_a_rate_spreads_jobs_over_time"},
    "OneAttempt": {"test_what_fails_is_tried_again_until_it_is_done"},
    "PausesAreForgotten": {"test_a_paused_kind_is_not_begun"},
    "NothingIsHeld": {"test_a_held_job_waits_for_its_release"},
    "HalfIsPutIn": {"test_one_refused_order_leaves_the_others_out"},
}


def test_each_broken_queue_fails_the_law_that_it_breaks(run_pytest) -> None:
    """On SQLite, which is quicker; the laws are the same."""
    wanted = {f"Test{cls}::{law}" for cls, laws in EXPECTED.items() for law in laws}
    names = [f"test_broken.py::{each}[sqlite]" for each in sorted(wanted)]
    report = run_pytest(*names, test_broken=BROKEN)
    assert report.of("failure") == wanted, report.text[-3000:]


def test_a_suite_without_its_plugin_is_told_so(run_pytest) -> None:
    """With the name of the fixture."""
    report = run_pytest(
        "-k",
        "test_a_key_makes_one_job and sqlite",
        test_half="""
        from pacs_framework.testing.suites.jobs import JobQueueSuite

        class TestHalf(JobQueueSuite):
            pass
        """,
    )
    assert report.of("error") == {"TestHalf::test_a_key_makes_one_job"}
    assert "TestHalf needs a fixture 'plugin'" in report.text
