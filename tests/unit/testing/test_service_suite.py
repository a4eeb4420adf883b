"""The service suite notices: each broken service fails the law that it breaks, and no other."""

from __future__ import annotations

BROKEN = '''
    import threading
    import pytest
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
    from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as FIND

    from pacs_framework import hookimpl
    from pacs_framework.network.service import CommandField, DimseService, SupportedContext
    from pacs_framework.testing.suites.service import ServiceSuite

    PRIVATE = "1.2.826.0.1.3680043.10.543.7"


    class Service(DimseService):
        name = "service"
        commands = frozenset({CommandField.C_ECHO})
        uid = PRIVATE

        def contexts(self):
            return [SupportedContext(
                abstract_syntax=self.uid, transfer_syntaxes=frozenset({ExplicitVRLittleEndian}))]

        def serve(self, request):
            request.respond(0)


    def suite(service, **capabilities):
        """A suite for a plugin with this one service."""

        class Plugin:
            @hookimpl
            def dimse_services(self, archive):
                made = service()
                made.archive = archive
                return [made]

        @pytest.fixture
        def plugin(self):
            return Plugin()

        return type(service.__name__, (ServiceSuite,), {"plugin": plugin, **capabilities})


    class Nameless(Service):
        name = " "

    class Strange(Service):
        def serve(self, request):
            request.respond(0x4567)

    class Failing(Service):
        def serve(self, request):
            raise ValueError("oh")

    class Wrong(Service):
        uid = "1.2.x"

    class Talkative(Service):
        def negotiate(self, abstract_syntax, proposed):
            return proposed + b"1"

    class Forgetful(Service):
        """Threads that nobody ends."""

        def serve(self, request):
            threading.Thread(target=threading.Event().wait, daemon=True).start()
            request.respond(0)

    class Fickle(Service):
        """Other contexts each time."""

        def __init__(self):
            self.uids = iter(range(1, 100000))

        def contexts(self):
            self.uid = f"{PRIVATE}.{next(self.uids)}"
            return super().contexts()

    class Blind(Service):
        """C-FIND that never looks at its identifier, nor at C-CANCEL."""

        commands = frozenset({CommandField.C_FIND})
        uid = FIND

        def serve(self, request):
            request.respond(0)

    class Loser(Service):
        """C-STORE that keeps nothing."""

        commands = frozenset({CommandField.C_STORE})
        uid = CTImageStorage

        def serve(self, request):
            request.stream_dataset(len)
            request.respond(0)

    class Muddled(Service):
        """State of one request in the service, where all associations share it."""

        commands = frozenset({CommandField.C_FIND})
        uid = FIND
        together = threading.Barrier(2)

        def serve(self, request):
            self.request = request
            try:
                self.together.wait(0.02)
            except threading.BrokenBarrierError:
                self.together.reset()
            self.request.respond(0)

    TestNameless = suite(Nameless)
    TestStrange = suite(Strange)
    TestFailing = suite(Failing)
    TestWrong = suite(Wrong)
    TestTalkative = suite(Talkative, negotiates=True)
    TestSilent = suite(Service, negotiates=True)
    TestForgetful = suite(Forgetful)
    TestFickle = suite(Fickle)
    TestUndeclared = suite(Blind)
    TestBlind = suite(Blind, reads_dataset=True, cancels=True)
    TestLoser = suite(Loser, reads_dataset=True, keeps_instances=True)
    TestMuddled = suite(Muddled)
    TestPlain = suite(Service)
'''

EXPECTED = {
    "Nameless": {"test_names_tell_services_apart"},
    "Strange": {"test_a_request_is_carried_out_and_answered"},
    "Failing": {"test_a_request_is_carried_out_and_answered"},
    "Wrong": {"test_contexts_are_valid_and_stay"},
    "Talkative": {"test_extended_negotiation_of_any_length_is_survived"},
    "Silent": {"test_extended_negotiation_is_answered"},
    "Forgetful": {"test_a_lost_connection_leaves_nothing"},
    "Fickle": {"test_contexts_are_valid_and_stay"},
    "Undeclared": {"test_capabilities_are_declared"},
    "Blind": {
        "test_a_bad_data_set_is_a_failure_and_the_association_lives",
        "test_a_cancel_ends_the_request",
    },
    "Loser": {
        "test_a_bad_data_set_is_a_failure_and_the_association_lives",
        "test_what_is_answered_with_success_is_kept_byte_for_byte",
        "test_an_instance_that_is_not_what_was_announced_is_refused",
    },
    "Muddled": {"test_many_associations_are_served_at_once"},
}


def test_each_broken_service_fails_the_law_that_it_breaks(run_pytest) -> None:
    """In at least one of its parameters."""
    wanted = {f"Test{cls}::{law}" for cls, laws in EXPECTED.items() for law in laws}
    report = run_pytest(*(f"test_broken.py::{each}" for each in wanted), test_broken=BROKEN)
    assert report.of("failure") == wanted, report.text[-3000:]
    assert set(report.outcomes) == wanted


def test_a_plain_service_keeps_all_laws(run_pytest) -> None:
    """So what the others fail is theirs."""
    report = run_pytest("test_broken.py::TestPlain", test_broken=BROKEN)
    assert set(report.outcomes.values()) == {"passed"}, report.text[-3000:]
    assert len(report.outcomes) > 10
