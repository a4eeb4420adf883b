"""What holds for every suite: overriding is told, capabilities select, waivers are shown."""

from __future__ import annotations

import pytest

from pacs_framework.testing.suites.suite import BrokenSuite, Suite, needs


class Small(Suite, suite=True):
    flies = False

    def test_one(self) -> None:
        pass

    @needs("flies")
    def test_two(self) -> None:
        pass


class Wider(Small, suite=True):
    def test_three(self) -> None:
        pass


def collected(cls: type) -> set[str]:
    """What pytest would collect."""
    return {n for n in dir(cls) if n.startswith("test_") and callable(getattr(cls, n))}


def test_a_law_without_its_capability_is_not_collected() -> None:
    class Grounded(Small):
        pass

    class Flying(Grounded):
        flies = True

    class Again(Flying):
        flies = False

    assert collected(Grounded) == collected(Again) == {"test_one"}
    assert collected(Flying) == {"test_one", "test_two"}


def test_a_suite_may_add_to_another() -> None:
    class Keeping(Wider):
        flies = True

    assert collected(Keeping) == {"test_one", "test_two", "test_three"}


def test_an_overridden_law_is_an_error_that_names_law_and_class() -> None:
    with pytest.raises(BrokenSuite, match=r"Sly overrides the law 'test_one' of Small: .*waived"):

        class Sly(Small):
            def test_one(self) -> None:
                pass


def test_the_suite_that_is_named_is_the_one_that_was_inherited() -> None:
    """Not the part of it that brings the law, which its users never saw."""
    with pytest.raises(BrokenSuite, match="Sly overrides the law 'test_one' of Wider"):

        class Sly(Wider):
            def test_one(self) -> None:
                pass


def test_a_mix_in_overrides_no_law_either() -> None:
    class MixIn:
        test_one = None

    with pytest.raises(BrokenSuite, match="MixIn overrides the law 'test_one' of Small"):

        class Sly(MixIn, Small):
            pass


def test_a_law_that_is_not_collected_cannot_be_overridden() -> None:
    with pytest.raises(BrokenSuite, match="overrides the law 'test_two'"):

        class Sly(Small):
            def test_two(self) -> None:
                pass


def test_tests_of_ones_own_are_welcome() -> None:
    class More(Small):
        def test_my_own(self) -> None:
            pass

    class Further(More):
        def test_my_own(self) -> None:
            pass

    assert collected(Further) == {"test_one", "test_my_own"}


@pytest.mark.parametrize(
    ("waived", "message"),
    [
        ({"test_four": "why"}, "waives 'test_four', which is no law of its suite"),
        ({"test_one": " "}, "waives the law 'test_one' without a reason"),
    ],
)
def test_a_waiver_needs_a_law_and_a_reason(waived: dict[str, str], message: str) -> None:
    with pytest.raises(BrokenSuite, match=message):
        type("Lazy", (Small,), {"waived": waived})


def test_an_override_is_an_error_at_collection(run_pytest) -> None:
    """As pytest shows it: nothing of the file runs."""
    report = run_pytest(
        test_overriding="""
        from pacs_framework.testing.suites.storage import StorageSuite

        class TestSly(StorageSuite):
            def test_a_backend_measures_its_room(self, backend):
                pass
        """,
    )
    assert "passed" not in report.outcomes.values()
    assert "TestSly overrides the law 'test_a_backend_measures_its_room'" in report.text


def test_a_waived_law_is_skipped_with_its_reason(run_pytest) -> None:
    report = run_pytest(
        "-rs",
        "-k",
        "measures",
        test_waiving="""
        import pytest
        from pacs_framework.testing.memory_storage import MemoryStorage
        from pacs_framework.testing.suites.storage import StorageSuite

        class TestKeeping(StorageSuite):
            durable = False

            @pytest.fixture
            def backend(self):
                return MemoryStorage()

        class TestWaiving(TestKeeping):
            waived = {"test_a_backend_measures_its_room": "the room is infinite"}
        """,
    )
    assert report.of("passed") == {"TestKeeping::test_a_backend_measures_its_room"}, report.text
    assert report.of("skipped") == {"TestWaiving::test_a_backend_measures_its_room"}
    assert "waived: the room is infinite" in report.text
