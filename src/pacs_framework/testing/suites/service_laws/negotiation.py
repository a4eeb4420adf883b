"""Laws of services: what is agreed when an association begins."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pacs_framework.network.service import DimseService, SupportedContext
from pacs_framework.testing.running import RunningArchive
from pacs_framework.testing.suites.negotiating import UNKNOWN_UID, Asked, offers, pieces
from pacs_framework.testing.suites.service_laws.declaring import check_context
from pacs_framework.testing.suites.service_laws.scene import ServiceScene
from pacs_framework.testing.suites.suite import needs

__all__ = ["Negotiation"]


class Negotiation(ServiceScene, suite=True):
    """Presentation contexts, roles and extended negotiation."""

    def test_every_context_is_accepted_as_it_is_offered(
        self, running: RunningArchive, services: Sequence[DimseService]
    ) -> None:
        """Each SOP class in each of its transfer syntaxes alone, in the roles it is offered for."""
        for contexts in offers(c for service in services for c in service.contexts()):
            with running.associate(contexts=contexts) as association:
                for context in contexts:
                    accepted = association.contexts.get(context.context_id)
                    assert accepted is not None, f"not accepted: {context}"
                    assert accepted.transfer_syntax == context.transfer_syntaxes[0]
                    assert (accepted.scu, accepted.scp) == (context.scu, context.scp), context

    def test_another_transfer_syntax_is_refused(
        self, running: RunningArchive, services: Sequence[DimseService]
    ) -> None:
        """One that no service named."""
        strange = [
            SupportedContext(
                abstract_syntax=context.abstract_syntax,
                transfer_syntaxes=frozenset({UNKNOWN_UID}),
                peer_as_scu=context.peer_as_scu,
                peer_as_scp=context.peer_as_scp,
            )
            for service in services
            for context in service.contexts()
        ]
        for contexts in offers(strange):
            with running.associate(contexts=contexts) as association:
                assert association.contexts == {}

    def test_a_sop_class_that_nobody_listed_gets_what_is_offered_for_it(
        self, running: RunningArchive, services: Sequence[DimseService]
    ) -> None:
        """By `DimseService.context_for`; where that is None for all, the context is refused."""
        made = [service.context_for(UNKNOWN_UID) for service in services]
        taken = [offer for offer in made if offer is not None]
        for offer in taken:
            check_context(offer)
        with running.associate(UNKNOWN_UID) as association:
            assert bool(association.contexts) == any(offer.peer_as_scu for offer in taken)

    @pytest.mark.parametrize("proposed", [b"", b"\1", b"\0" * 5, b"\1" * 5, b"\xff" * 300])
    def test_extended_negotiation_of_any_length_is_survived(
        self, running: RunningArchive, asked: list[Asked], proposed: bytes
    ) -> None:
        """No answer is longer than what was proposed, and requests are carried out."""
        for some in pieces(asked):
            extended = {each.abstract_syntax: proposed for each in some}
            with self.associate(running, *some, extended_negotiation=extended) as association:
                answers = association.extended_negotiation
                assert all(len(answer) <= len(proposed) for answer in answers.values()), answers
                assert self.negotiates or not answers, "answered: declare negotiates = True"
                self.check_answered(association, some[0])

    @needs("negotiates")
    def test_extended_negotiation_is_answered(
        self, running: RunningArchive, asked: list[Asked]
    ) -> None:
        """For at least one SOP class; what was agreed does not break a request."""
        some = next(pieces(asked))
        extended = {each.abstract_syntax: b"\1" for each in some}
        with self.associate(running, *some, extended_negotiation=extended) as association:
            assert association.extended_negotiation
            for each in some:
                self.check_answered(association, each)
