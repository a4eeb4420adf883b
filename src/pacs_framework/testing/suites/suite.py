"""What all contract suites have in common: laws, capabilities, waivers, and a guard for them.

A suite is a class full of tests, its *laws*. Whoever keeps the contract inherits it::

    class TestMyBackend(StorageSuite):
        remembers = True            # a capability: the laws that need it are collected as well
        waived = {"test_x": "why this backend cannot keep it"}

A law that needs a capability which is not declared is not collected. A waived law shows up as
skipped, with the reason. A law that is overridden is an error at collection, and so is a waiver
for a law that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, ClassVar, TypeVar

import pytest

__all__ = ["BrokenSuite", "Suite", "needs"]

_NEEDS = "_pacs_needs"
_F = TypeVar("_F", bound=Callable[..., Any])


class BrokenSuite(Exception):
    """A subclass of a suite overrides a law, or waives one that does not exist."""


def needs(capability: str) -> Callable[[_F], _F]:
    """Mark a law as one for those alone that declare ``capability``, a class attribute."""

    def mark(law: _F) -> _F:
        setattr(law, _NEEDS, capability)
        return law

    return mark


class Suite:
    """The base of all suites. A class that says ``suite=True`` adds laws; others keep them.

    ``waived`` maps names of laws to the reason why they are not kept.
    """

    waived: ClassVar[Mapping[str, str]] = {}
    _adds_laws: ClassVar[bool] = True
    _placed: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, *, suite: bool = False) -> None:
        super().__init_subclass__()
        cls._adds_laws = suite
        if not suite:
            laws = cls.laws()
            _check_overrides(cls, laws)
            _check_waivers(cls, laws)
            cls._placed = _place(cls, laws)

    @classmethod
    def laws(cls) -> dict[str, FunctionType]:
        """Every law by name, whether it is collected here or not."""
        found: dict[str, FunctionType] = {}
        for base in filter(_is_suite, cls.__mro__):
            for name, value in vars(base).items():
                if name.startswith("test_") and isinstance(value, FunctionType):
                    found.setdefault(name, value)
        return found


def _is_suite(cls: type) -> bool:
    return issubclass(cls, Suite) and bool(vars(cls).get("_adds_laws"))


def _check_overrides(cls: type[Suite], laws: Mapping[str, FunctionType]) -> None:
    """Of every class between the suite and ``cls``, mix-ins included."""
    for base in cls.__mro__:
        if _is_suite(base):
            continue
        for name in sorted(laws.keys() & vars(base).keys() - vars(base).get("_placed", set())):
            raise BrokenSuite(
                f"{base.__qualname__} overrides the law {name!r} of {_suite_of(cls)}: every "
                f"law is to be kept as it is; give a test of your own another name, or declare "
                f"waived = {{{name!r}: 'the reason'}}"
            )


def _check_waivers(cls: type[Suite], laws: Mapping[str, FunctionType]) -> None:
    for name, reason in cls.waived.items():
        if name not in laws:
            raise BrokenSuite(f"{cls.__qualname__} waives {name!r}, which is no law of its suite")
        if not reason.strip():
            raise BrokenSuite(f"{cls.__qualname__} waives the law {name!r} without a reason")


def _suite_of(cls: type[Suite]) -> str:
    """The outermost suite: a large one is put together of parts that its users never named."""
    return next(base.__qualname__ for base in cls.__mro__ if _is_suite(base))


def _place(cls: type[Suite], laws: Mapping[str, FunctionType]) -> frozenset[str]:
    """Put each law as ``cls`` has declared it; the names that were put."""
    for name, law in laws.items():
        capability = getattr(law, _NEEDS, None)
        if capability is not None and not getattr(cls, capability):
            setattr(cls, name, None)  # pytest collects what can be called
        elif name in cls.waived:
            setattr(cls, name, _skipping(law, cls.waived[name]))
        else:
            setattr(cls, name, law)
    return frozenset(laws)


def _skipping(law: FunctionType, reason: str) -> FunctionType:
    """A copy of ``law`` that is skipped; the mark must not reach the suite itself."""
    copy = FunctionType(
        law.__code__, law.__globals__, law.__name__, law.__defaults__, law.__closure__
    )
    copy.__dict__.update(law.__dict__, pytestmark=[*getattr(law, "pytestmark", ())])
    copy.__annotations__ = law.__annotations__
    copy.__doc__, copy.__qualname__ = law.__doc__, law.__qualname__
    return pytest.mark.skip(reason=f"waived: {reason}")(copy)
