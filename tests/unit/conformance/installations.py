"""Statements of small installations, made in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from pacs_framework import hookimpl
from pacs_framework.config import Settings
from pacs_framework.conformance.gather import gather
from pacs_framework.conformance.records import Contribution
from pacs_framework.conformance.statement import Statement
from pacs_framework.network.service import CommandField, DimseService, SupportedContext
from pacs_framework.plugins import PluginSet

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
VERIFICATION = "1.2.840.10008.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"


class Echo(DimseService):
    """A service of some vendor, on contexts that the test chooses."""

    name: ClassVar[str] = "echo"
    commands: ClassVar[frozenset[CommandField]] = frozenset({CommandField.C_ECHO})

    def __init__(self, contexts: Iterable[SupportedContext]) -> None:
        self._contexts = tuple(contexts)

    def contexts(self) -> Iterable[SupportedContext]:
        return self._contexts

    def serve(self, request: object) -> None:
        raise NotImplementedError


def context(uid: str = VERIFICATION, **roles: bool) -> SupportedContext:
    return SupportedContext(
        abstract_syntax=uid, transfer_syntaxes=frozenset((EXPLICIT, IMPLICIT)), **roles
    )


Make = Callable[..., Statement]


@pytest.fixture
def make() -> Make:
    """A statement of one plugin: its contexts, what it documents, and the settings around it."""

    def build(
        records: list[Contribution] | None = None,
        contexts: Iterable[SupportedContext] = (context(),),
        settings: Mapping[str, Any] | None = None,
    ) -> Statement:
        @hookimpl
        def dimse_services() -> list[DimseService]:
            return [Echo(contexts)]

        @hookimpl
        def conformance() -> list[Contribution]:
            return records or []

        hooks = {"dimse_services": dimse_services}
        if records is not None:
            hooks["conformance"] = conformance
        plugins = PluginSet.with_local({"vendor": SimpleNamespace(**hooks)})
        provided = plugins.register("dimse_services", archive=None)
        return gather(Settings.model_validate(settings or {}), plugins, provided)

    return build
