"""What the plugin asks of the archive, by its settings."""

from __future__ import annotations

import gc
from contextlib import closing, nullcontext
from types import SimpleNamespace

from pacs_framework.archive.incoming import Origin
from pacs_framework.dicom.file_meta import FileMeta
from pacs_framework.network.service import Peer
from pacs_framework.plugins import PluginSet
from pacs_store import plugin
from pacs_store.service import StorageService
from pacs_store.settings import StoreSettings


def test_where_every_modality_is_accepted_no_instance_is_asked_about() -> None:
    """An archive pays only for what it is told to do."""
    with closing(PluginSet.with_local({"store": plugin})) as plugins:
        assert not plugins.decides_on_store
        plugins.bind_settings({"store": StoreSettings(accept=frozenset({"CT"}))})
        assert plugins.decides_on_store


class Arrivals:
    """An archive that only notes where instances come from."""

    def __init__(self) -> None:
        self.origins: list[Origin] = []

    def receive(self, origin: Origin, meta: FileMeta) -> nullcontext[Arrivals]:
        self.origins.append(origin)
        return nullcontext(self)

    def write(self, data: memoryview) -> None:
        """Nothing is kept."""

    def commit(self) -> SimpleNamespace:
        return SimpleNamespace(status=0, comment="")


class Caller:
    """An association."""

    def __init__(self, calling_aet: str) -> None:
        self.id = calling_aet
        self.peer = Peer(calling_aet=calling_aet, called_aet="PACS", address="127.0.0.1", port=104)


def arriving(calling_aet: str) -> SimpleNamespace:
    """A C-STORE request on an association of its own."""
    return SimpleNamespace(
        association=Caller(calling_aet),
        command={"AffectedSOPClassUID": "1.2", "AffectedSOPInstanceUID": "1.2.3"},
        context=SimpleNamespace(abstract_syntax="1.2", transfer_syntax="1.2.840.10008.1.2"),
        has_dataset=True,
        stream_dataset=lambda sink: 0,
        respond=lambda status, comment: None,
    )


def test_every_instance_has_the_origin_of_its_own_association() -> None:
    """Made once for each association, and forgotten with it."""
    archive = Arrivals()
    service = StorageService(archive, StoreSettings())  # type: ignore[arg-type]
    first, second = arriving("CT1"), arriving("MR1")
    for request in (first, second, first):
        service.serve(request)
    assert [origin.calling_aet for origin in archive.origins] == ["CT1", "MR1", "CT1"]
    assert archive.origins[0] is archive.origins[2]
    del first, second, request
    gc.collect()
    assert len(service._origins) == 0
