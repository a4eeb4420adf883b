"""What other threads want done on an association: the queue and its bell, without a wire."""

from __future__ import annotations

import select

import pytest

from pacs_framework.network.errands import Errands
from pacs_framework.network.errors import AssociationError


def rings(errands: Errands) -> bool:
    """Whether a thread that waits for the bell would wake."""
    return bool(select.select([errands.bell], [], [], 0)[0])


def test_the_bell_rings_while_something_waits() -> None:
    """Once for any number of errands; they are done in order, and their results are told."""
    errands, done = Errands(), []
    assert not rings(errands)
    futures = [errands.post(lambda n=n: done.append(n) or n) for n in range(3)]
    assert rings(errands)
    errands.run()
    assert (done, [future.result(0) for future in futures]) == ([0, 1, 2], [0, 1, 2])
    assert not rings(errands)
    errands.close()


def test_an_exception_is_that_of_its_future_alone() -> None:
    """The next errand is done all the same."""
    errands = Errands()
    bad, good = errands.post(lambda: 1 // 0), errands.post(lambda: 1)
    errands.run()
    assert isinstance(bad.exception(0), ZeroDivisionError)
    assert good.result(0) == 1
    errands.close()


def test_what_was_cancelled_is_not_done() -> None:
    """Whoever posted it has found another way."""
    errands, done = Errands(), []
    future = errands.post(lambda: done.append(1))
    assert future.cancel()
    errands.run()
    assert done == []
    errands.close()


def test_when_it_is_over_everything_fails() -> None:
    """What waits, and what is posted later."""
    errands = Errands()
    waiting = errands.post(lambda: 1)
    errands.close()
    for future in (waiting, errands.post(lambda: 1)):
        with pytest.raises(AssociationError, match="over before"):
            future.result(0)
