"""What the archive refuses may be put aside by the plugin that refused it; it is refused anyway."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from pydicom import dcmread

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.incoming import Coercion, IncomingInstance, Refusal
from pacs_framework.errors import PacsError, PluginError, RefusedByPolicy
from pacs_framework.testing.arrivals import encoded, mr_image, send
from pacs_framework.testing.scene import Scene

LARGE = 60_000  # letters, more than the spool of the tests takes


class Aside:
    """Takes what is given to it."""

    def __init__(self) -> None:
        self.reason = ""
        self.content = b""

    def __call__(self, reason: str, pieces: Iterator[bytes | memoryview]) -> None:
        self.reason = reason
        self.content = b"".join(bytes(piece) for piece in pieces)


@pytest.mark.parametrize("size", [8, LARGE], ids=["in memory", "staged"])
def test_what_a_plugin_refuses_is_given_to_it_as_it_arrived(
    scene: Scene, archive: Archive, size: int
) -> None:
    aside = Aside()
    scene.on_store = lambda _: Refusal(reason="not this one", rescue=aside)
    sent = encoded(mr_image(ImageComments="x" * size))
    with pytest.raises(RefusedByPolicy, match="not this one"):
        send(archive, sent)
    assert aside.reason == "not this one"
    assert aside.content.endswith(sent)
    assert dcmread(io.BytesIO(aside.content)).SOPInstanceUID == "1.2.3.4.1"
    assert scene.staged() == []


def test_what_cannot_be_kept_as_a_plugin_changed_it_is_given_to_it(
    scene: Scene, archive: Archive
) -> None:
    aside = Aside()

    def change(instance: IncomingInstance) -> Coercion:
        dataset = instance.dataset()
        dataset.SOPInstanceUID = ""
        return Coercion(dataset=dataset, rescue=aside)

    scene.on_store = change
    sent = encoded(mr_image())
    with pytest.raises(PluginError, match="cannot be kept"):
        send(archive, sent)
    assert "cannot be kept" in aside.reason
    assert aside.content.endswith(sent)


def test_what_is_kept_is_given_to_nobody(scene: Scene, archive: Archive) -> None:
    aside = Aside()
    scene.on_store = lambda instance: Coercion(dataset=instance.dataset(), rescue=aside)
    send(archive, encoded(mr_image()))
    assert aside.content == b""


def test_a_plugin_that_cannot_put_it_aside_lets_nothing_in(
    scene: Scene, archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sender gets the answer of the refusal, and the log says no name."""

    def broken(reason: str, pieces: Iterator[bytes | memoryview]) -> None:
        del reason, pieces
        raise OSError("no room for Zuckmayer")

    scene.on_store = lambda _: Refusal(reason="not this one", rescue=broken)
    with pytest.raises(PacsError, match="not this one"):
        send(archive, encoded(mr_image()))
    assert scene.storage.objects == {}
    said = capsys.readouterr()
    assert "Zuckmayer" not in said.out + said.err
