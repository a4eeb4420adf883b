"""DCMTK's print server, an independent provider of normalized operations (PS3.4 Annex H)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset

from pacs_framework.dicom.identifier import decode_identifier, encode_identifier
from pacs_framework.dicom.status import Status, is_failure
from pacs_framework.network.association import Association
from pacs_framework.network.decisions import ProposedContext
from pacs_framework.network.requestor import connect
from pacs_framework.network.scu import n_action, n_create, n_delete, n_get, n_set
from pacs_framework.testing.sockets import free_port, wait_for_listener

PRINT_META = "1.2.840.10008.5.1.1.9"
FILM_SESSION = "1.2.840.10008.5.1.1.1"
FILM_BOX = "1.2.840.10008.5.1.1.2"
PRINTER, THE_PRINTER = "1.2.840.10008.5.1.1.16", "1.2.840.10008.5.1.1.17"
EXPLICIT = "1.2.840.10008.1.2.1"

CONFIG = """\
[[GENERAL]]
[APPLICATION]
[PRINT]
Directory = {folder}/spool
DetailedLog = false
BinaryLog = false
[DATABASE]
Directory = {folder}/database
[NETWORK]
Aetitle = DCMPSTAT
[[COMMUNICATION]]
[PRINTSCP]
Aetitle = PRINTSCP
Description = print server
Hostname = localhost
Port = {port}
Type = LOCALPRINTER
DisableNewVRs = false
DisplayFormat = 1,1
FilmSizeID = 8INX10IN
ImplicitOnly = false
MaxPDU = 32768
MediumType = PAPER
"""


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[Association]:
    """An association to DCMTK's dcmprscp."""
    program = shutil.which("dcmprscp")
    if program is None:
        pytest.skip("DCMTK's dcmprscp is not installed")
    port = free_port()
    for name in ("spool", "database"):
        (tmp_path / name).mkdir()
    config = tmp_path / "dcmpstat.cfg"
    config.write_text(CONFIG.format(folder=tmp_path, port=port))
    with subprocess.Popen(
        [program, "--config", str(config), "--printer", "PRINTSCP"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            wait_for_listener("127.0.0.1", port)
            proposed = ProposedContext(
                context_id=1, abstract_syntax=PRINT_META, transfer_syntaxes=(EXPLICIT,)
            )
            with connect(
                "127.0.0.1", port, calling_aet="ME", called_aet="PRINTSCP", contexts=[proposed]
            ) as association:
                yield association
        finally:
            server.terminate()


def attributes(**values: object) -> bytes:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return encode_identifier(dataset, EXPLICIT)


def test_a_film_session_is_made_changed_and_deleted(printer: Association) -> None:
    """On a meta SOP class: each request names the SOP class it is about (PS3.4 H.3.2)."""
    context = printer.contexts[1]
    got = n_get(printer, context=context, sop_class_uid=PRINTER, sop_instance_uid=THE_PRINTER)
    assert got.status == Status.SUCCESS
    assert got.dataset is not None
    assert decode_identifier(got.dataset, EXPLICIT).PrinterStatus == "NORMAL"
    made = n_create(
        printer,
        context=context,
        sop_class_uid=FILM_SESSION,
        attributes=attributes(NumberOfCopies=1, MediumType="PAPER"),
    )
    assert made.status == Status.SUCCESS, made.command
    session = str(made.command["AffectedSOPInstanceUID"])
    where = {"context": context, "sop_class_uid": FILM_SESSION, "sop_instance_uid": session}
    changed = n_set(printer, modifications=attributes(NumberOfCopies=2), **where)
    assert changed.status == Status.SUCCESS, changed.command
    printed = n_action(printer, action_type=1, **where)
    assert is_failure(printed.status)  # there is nothing to print
    assert n_delete(printer, **where).status == Status.SUCCESS
    assert n_delete(printer, **where).status == Status.NO_SUCH_SOP_INSTANCE
