"""Laws of services: what they say of themselves."""

from __future__ import annotations

from collections.abc import Sequence

from pacs_framework.dicom.uids import UidForm, uid_form
from pacs_framework.network.service import CommandField, DimseService, SupportedContext
from pacs_framework.testing.suites.negotiating import Asked
from pacs_framework.testing.suites.service_laws.scene import WITH_DATASET, ServiceScene

__all__ = ["Declaring", "check_context"]


class Declaring(ServiceScene, suite=True):
    """Names, commands, capabilities and presentation contexts."""

    def test_names_tell_services_apart(self, services: Sequence[DimseService]) -> None:
        """They are in the log and in error messages: short, printable, one for each service."""
        names = [service.name for service in services]
        assert names, "the plugin gives no service"
        assert len(set(names)) == len(names), names
        for name in names:
            assert 1 <= len(name) <= 64, repr(name)
            assert name.isprintable(), repr(name)
            assert name == name.strip(), repr(name)

    def test_commands_are_requests(self, services: Sequence[DimseService]) -> None:
        """At least one each; C-CANCEL is no command of a service but `Request.cancelled`."""
        for service in services:
            assert service.commands, f"{service.name}: no commands"
            assert all(type(command) is CommandField for command in service.commands), service.name
            assert CommandField.C_CANCEL not in service.commands, service.name

    def test_capabilities_are_declared(self, asked: list[Asked]) -> None:
        """A command that carries a data set by the standard cannot be left out of its laws."""
        assert asked, "no service takes a SOP class on which it is the provider"
        commands = {each.command for each in asked}
        carrying = ", ".join(sorted(each.name for each in commands & WITH_DATASET))
        assert self.reads_dataset or not carrying, (
            f"{carrying} with a data set: declare reads_dataset = True"
        )

    def test_contexts_are_valid_and_stay(self, services: Sequence[DimseService]) -> None:
        """Valid UIDs, a transfer syntax and a role for each; asked again, the same."""
        for service in services:
            contexts = list(service.contexts())
            assert list(service.contexts()) == contexts, service.name
            for context in contexts:
                check_context(context)


def check_context(context: SupportedContext) -> None:
    """As the standard has it (PS3.5 section 9.1, PS3.8 9.3.2.2)."""
    for uid in (context.abstract_syntax, *context.transfer_syntaxes):
        assert uid_form(str(uid)) is UidForm.VALID, repr(uid)
    assert context.transfer_syntaxes, f"{context.abstract_syntax}: no transfer syntax"
    assert context.peer_as_scu or context.peer_as_scp, f"{context.abstract_syntax}: no role"
