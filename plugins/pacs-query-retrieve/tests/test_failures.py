"""What a peer is told when the archive itself fails (PS3.4 C.4.1.1.4, C.4.2.1.5)."""

from __future__ import annotations

import pytest
from nodes import CT, EXPLICIT, Node, keys
from pynetdicom import evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from pacs_framework.archive.deletions import Target
from pacs_framework.dicom.status import Status
from pacs_framework.errors import IndexUnavailable, StorageError

FIND = StudyRootQueryRetrieveInformationModelFind
GET = StudyRootQueryRetrieveInformationModelGet
MOVE = StudyRootQueryRetrieveInformationModelMove


def unavailable(*_args, **_options):
    raise IndexUnavailable("the index is away")


class EndsEarly:
    """Located instances whose index fails behind the first."""

    def __init__(self, located):
        self.kinds, self._located = located.kinds, located

    def __len__(self):
        return len(self._located)

    def __iter__(self):
        yield next(iter(self._located))
        unavailable()


def ask(node, model, **wanted):
    wanted = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.1"} | wanted
    taking = [(evt.EVT_C_STORE, lambda _event: Status.SUCCESS)]
    with node.association(model, getting={CT: [EXPLICIT]}, handlers=taking) as association:
        if model == MOVE:
            responses = association.send_c_move(keys(**wanted), "RECEIVER", model)
        elif model == GET:
            responses = association.send_c_get(keys(**wanted), model)
        else:
            responses = association.send_c_find(keys(**wanted), model)
        return [status.Status for status, _ in responses]


def test_a_query_without_an_index_is_out_of_resources(node: Node):
    """A700H, and no success: an empty answer would be a lie."""
    node.archive.query.find = unavailable
    assert ask(node, FIND) == [Status.OUT_OF_RESOURCES]


def test_a_query_whose_storage_fails_is_out_of_resources(node):
    """A header that cannot be read now may match: the peer has to know."""
    node.store("1.1.1")

    def fail(step):
        if step == "open":
            raise StorageError("the disk failed")

    node.storage.before = fail
    assert ask(node, FIND, ImageComments="") == [Status.OUT_OF_RESOURCES]


@pytest.mark.parametrize("model", [MOVE, GET])
def test_a_retrieval_without_an_index_cannot_count_its_matches(node, receiver, model):
    """A701H."""
    node.archive.retrieve.locate = unavailable
    assert ask(node, model) == [Status.UNABLE_TO_CALCULATE_MATCHES]


@pytest.mark.parametrize("model", [MOVE, GET])
def test_an_index_that_fails_on_the_way_ends_a_retrieval_in_failure(node, receiver, model):
    """A702H behind what was sent."""
    node.store("1.1.1")
    node.store("1.1.2")
    locate = node.archive.retrieve.locate
    node.archive.retrieve.locate = lambda *args, **options: EndsEarly(locate(*args, **options))
    statuses = ask(node, model)
    assert statuses == [Status.PENDING, Status.UNABLE_TO_PERFORM_SUBOPERATIONS]


@pytest.mark.parametrize("model", [MOVE, GET])
def test_what_was_deleted_before_its_turn_is_no_success(node, receiver, model):
    """Its rows are gone before they were read, so that nobody can name it."""
    node.store("1.1.1")
    gone = [node.store("1.1.2"), node.store("1.1.3")]
    locate = node.archive.retrieve.locate

    def locate_and_delete(*args, **options):
        located = locate(*args, **options)
        for uid in gone:
            node.archive.deleting.delete(Target(instance=uid), by="tester", reason="because")
        return located

    node.archive.retrieve.locate = locate_and_delete
    assert ask(node, model)[-1] == Status.SUBOPERATIONS_WITH_FAILURES


@pytest.mark.parametrize("model", [MOVE, GET])
def test_an_instance_that_cannot_be_opened_is_a_failed_sub_operation(node, receiver, model):
    node.store("1.1.1")

    def fail(step):
        if step == "open":
            raise StorageError("the disk failed")

    node.storage.before = fail
    assert ask(node, model)[-1] == Status.UNABLE_TO_PERFORM_SUBOPERATIONS
