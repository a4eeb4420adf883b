"""Whole archives in processes of their own, and pynetdicom as the independent peer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom import Dataset
from pynetdicom import AE
from pynetdicom.association import Association

from pacs_framework.testing.distributions import install_distribution
from pacs_framework.testing.process import ServedArchive, served

from .isolation import NOTES, Notes, Serve


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[ServedArchive]:
    """``pacs serve`` with every plugin of this repository and the default settings."""
    with served(tmp_path / "archive") as running:
        yield running
        assert running.stop() == 0


Associate = Callable[..., Association]


@pytest.fixture
def associate() -> Iterator[Associate]:
    """Open associations as pynetdicom; what a test leaves open is aborted."""
    opened: list[Association] = []

    def open_one(archive: ServedArchive, *sop_classes: str, syntaxes: object = None) -> Association:
        ae = AE(ae_title="TESTSCU")
        for sop_class in sop_classes:
            ae.add_requested_context(sop_class, syntaxes)
        association = ae.associate(archive.host, archive.port, ae_title=archive.aet)
        opened.append(association)
        return association

    yield open_one
    for association in opened:
        if association.is_established:
            association.abort()


@pytest.fixture
def store(associate: Associate) -> Callable[[ServedArchive, Dataset], Dataset]:
    """C-STORE one instance over an association of its own; the response's command set."""

    def store_one(archive: ServedArchive, instance: Dataset) -> Dataset:
        syntax = instance.file_meta.TransferSyntaxUID
        association = associate(archive, instance.SOPClassUID, syntaxes=syntax)
        assert association.is_established
        response = association.send_c_store(instance)
        association.release()
        return response

    return store_one


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notes:
    """What the well-behaved plugin of `serve` has noted."""
    made = Notes(tmp_path)
    monkeypatch.setenv("ISOLATION_NOTES", str(made.file))
    return made


@pytest.fixture
def serve(tmp_path: Path, notes: Notes) -> Iterator[Serve]:
    """Run an archive with the plugin ``bad`` of the given source, and one that behaves."""
    with ExitStack() as running:

        def start(source: str, config: str = "", *options: str) -> ServedArchive:
            plugins = tmp_path / "plugins"
            for name, text in {"bad": source, "good": NOTES}.items():
                install_distribution(plugins, f"site-{name}", {name: text})
            folder = tmp_path / "archive"
            return running.enter_context(
                served(folder, plugins=plugins, config=config, options=options)
            )

        yield start
