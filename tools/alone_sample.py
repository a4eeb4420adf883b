"""Which tests of a plugin run when it is alone: all functions, but not all of their parameters.

`tools/alone.py` puts this file beside the copied tests, as their ``conftest.py``.

What is looked for there is a dependency that is not declared and a file that the wheel lacks; the
tests themselves have run before, in the working environment. Parameters of one test need the same
modules with few exceptions, so of each the first and the last are taken. Contract suites run whole:
what a plugin provides is their parameter, such as the transfer syntaxes of a codec, each of which
may need a package of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import pytest

_WHOLE = "test_contract.py"


def sample(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Some of ``items``, in their order."""
    kept: list[pytest.Item] = []
    # Parameters of a module's fixtures reorder tests: not all of a function are neighbours.
    functions = sorted(enumerate(items), key=lambda found: (_function(found[1]), found[0]))
    for _, group in groupby(functions, key=lambda found: _function(found[1])):
        same = [item for _, item in group]
        kept += same if same[0].path.name == _WHOLE else {same[0]: None, same[-1]: None}
    chosen = set(kept)
    return [item for item in items if item in chosen]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say how many are left out."""
    chosen = sample(items)
    left_out = [item for item in items if item not in set(chosen)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen


def _function(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]
