"""The client of the bench against an independent SCP, pynetdicom's."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from bench.client import tasks
from bench.client.process import ClientFailed, ClientProcess
from bench.client.tasks import RECEIVER_AET, Address, Query, Store
from bench.client.wire import Refused
from bench.data import Uids, instances, kind_named, write_file
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)


class Scp:
    """Stores into a list, finds three matches, sends two instances."""

    def __init__(self, folder):
        self.stored = Counter()
        self.status = 0
        self._lock = threading.Lock()
        self.to_send = []
        for n, made in enumerate(instances(kind_named("mr"), Uids("sent"), 2)):
            path = folder / f"{n}.dcm"
            write_file(made, path)
            self.to_send.append(dcmread(path))

    def store(self, event):
        """One more."""
        with self._lock:
            self.stored[event.dataset.SOPInstanceUID] += 1
        return self.status

    def find(self, event):
        """As many matches as the key says."""
        for _ in range(int(event.identifier.StudyID)):
            match = Dataset()
            match.QueryRetrieveLevel = "STUDY"
            yield 0xFF00, match

    def get(self, event):
        """What there is to send."""
        yield len(self.to_send)
        for dataset in self.to_send:
            yield 0xFF00, dataset

    def move(self, event):
        """The same, to the receiver of this process."""
        assert event.move_destination == RECEIVER_AET
        yield "127.0.0.1", tasks.receiver_port()
        yield from self.get(event)


@pytest.fixture
def scp(tmp_path):
    return Scp(tmp_path)


@pytest.fixture
def address(scp):
    ae = AE("PEER")
    ae.maximum_associations = 20
    ae.add_supported_context(Verification)
    ae.add_supported_context(MRImageStorage, ExplicitVRLittleEndian, scu_role=True, scp_role=True)
    ae.add_requested_context(MRImageStorage, ExplicitVRLittleEndian)
    for model in (
        StudyRootQueryRetrieveInformationModelFind,
        StudyRootQueryRetrieveInformationModelGet,
        StudyRootQueryRetrieveInformationModelMove,
    ):
        ae.add_supported_context(model, ExplicitVRLittleEndian)
    handlers = [
        (evt.EVT_C_STORE, scp.store),
        (evt.EVT_C_FIND, scp.find),
        (evt.EVT_C_GET, scp.get),
        (evt.EVT_C_MOVE, scp.move),
    ]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    yield Address("127.0.0.1", server.server_address[1], "PEER")
    server.shutdown()


def test_echo_and_association_are_counted(address):
    assert tasks.echo(address, 3).count == 3
    assert tasks.associate_many(address, 2).figures["median_ms"] > 0


@pytest.mark.parametrize("associations", [1, 3])
def test_every_instance_is_stored_once(address, scp, associations):
    """Whatever the number of associations, and the sample counts them."""
    sample = tasks.store(address, Store("mr", 7, associations, f"run {associations}"))
    assert sample.count == 7
    assert sorted(scp.stored.values()) == [1] * 7


@pytest.mark.parametrize("associations", [1, 3])
def test_refused_instance_fails_the_sample(address, scp, associations):
    """A peer that refuses must not look fast."""
    scp.status = 0xA700
    with pytest.raises(Refused, match="A700H"):
        tasks.store(address, Store("mr", 3, associations, "a run"))


def test_matches_are_counted(address):
    """To the last of several answers, each with its data set."""
    queries = [Query("STUDY", {"StudyID": str(n)}) for n in (1, 3)]
    sample = tasks.find(address, queries)
    assert sample.count == 3
    assert 0 < sample.figures["first_ms"] <= sample.figures["last_ms"]


@pytest.mark.pacs_guards(False)  # the receiver of C-MOVE lives as long as its client's process
def test_retrieved_instances_are_counted(address, scp):
    """By C-GET on the same association, by C-MOVE on one of the peer's."""
    keys = {"StudyInstanceUID": scp.to_send[0].StudyInstanceUID}
    assert tasks.get(address, MRImageStorage, keys).count == 2
    moved = tasks.move(address, keys)
    assert moved.count == 2
    assert moved.figures["bytes"] > 2 * kind_named("mr").pixel_bytes


def test_held_associations_are_let_go(address):
    assert tasks.hold(address, 4) == 4
    tasks.let_go()


def test_client_process_hands_back_results_and_errors(address):
    """An error there is an error here, and the process goes on."""
    with ClientProcess() as client:
        with pytest.raises(ClientFailed, match="'nothing'"):
            client.run(tasks.store, address, Store("nothing", 1, 1, "a run"))
        assert client.run(tasks.echo, address, 2).count == 2
