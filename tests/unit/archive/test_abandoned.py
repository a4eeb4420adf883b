"""A hook that was given up on, and what it still holds of its instance."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from pacs_framework import hookimpl
from pacs_framework.archive.archive import Archive
from pacs_framework.archive.incoming import IncomingInstance
from pacs_framework.config import PluginsSettings
from pacs_framework.errors import RefusedByPolicy, StorageError
from pacs_framework.plugins import PluginSet
from pacs_framework.testing.arrivals import ORIGIN, announced, encoded, mr_image, send
from pacs_framework.testing.scene import SMALL_SPOOL, Scene

DEADLINE = 30.0  # seconds after which a test has failed


class Slow:
    """Runs over its time with the first instance, and then looks at it."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.looked = threading.Event()
        self.calls = 0
        self.saw: object = None

    @hookimpl
    def on_store(self, instance: IncomingInstance) -> None:
        self.calls += 1
        if self.calls > 1:
            return
        self.release.wait(DEADLINE)
        try:
            self.saw = instance.dataset().PatientName
        except (StorageError, OSError) as error:
            self.saw = type(error).__name__
        self.looked.set()


@pytest.mark.parametrize("size", [100, 3 * SMALL_SPOOL], ids=["memory", "file"])
def test_it_never_sees_the_bytes_of_another(scene: Scene, size: int) -> None:
    """Buffer and file of its instance are others' by then; it is told that its own is gone."""
    slow = Slow()
    plugins = PluginSet.with_local(
        {"slow": SimpleNamespace(on_store=slow.on_store)},
        limits=PluginsSettings(limits={"slow": {"decide_seconds": 0.05}}),
    )
    scene.on_store = plugins.decide_store
    archive: Archive = scene.archive()
    pixels = b"\1" * size
    with pytest.raises(RefusedByPolicy, match="a plugin failed on this instance"):
        send(archive, encoded(mr_image(1, PatientName="First^One", pixels=pixels)), announced(1))
    assert scene.staged() == []
    with archive.receive(ORIGIN, announced(2)) as other:
        other.write(encoded(mr_image(2, PatientName="Second^Other", pixels=pixels)))
        slow.release.set()
        assert slow.looked.wait(DEADLINE)
        assert other.commit()
    assert slow.saw in ("StorageError", "FileNotFoundError")
