"""Printer, Printer Configuration Retrieval and Print Job: N-GET (PS3.4 H.4.5, H.4.6, H.4.11)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework import __version__
from pacs_framework.dicom.status import Status
from pacs_framework.network.errors import NormalizedFailure
from pacs_framework.network.normalized import Outcome
from pacs_print.queue.book import NoSuchJob
from pacs_print.queue.watching import name_of, printer_status
from pacs_print.services.classes import CONFIGURATION_INSTANCE, PRINTER_INSTANCE
from pacs_print.services.configuration import configurations

if TYPE_CHECKING:
    from pacs_print.services.desk import Desk

__all__ = ["get_configuration", "get_job", "get_printer"]


def get_printer(desk: Desk) -> Outcome:
    """The status, and what the printer is (PS3.3 C.13.9)."""
    _check_instance(desk, PRINTER_INSTANCE)
    printer = desk.printer
    status, info = printer_status(printer, desk.book)
    answer = Dataset()
    answer.PrinterStatus = status
    answer.PrinterStatusInfo = info
    answer.PrinterName = name_of(printer)
    answer.Manufacturer = printer.manufacturer
    answer.ManufacturerModelName = printer.model
    answer.SoftwareVersions = __version__
    # What has no value is empty, not missing: CTN's print_client asks for all of it, and takes a
    # warning for a failure.
    answer.DeviceSerialNumber = printer.serial_number
    calibrated = None if printer.calibration is None else _changed(printer.calibration)
    answer.DateOfLastCalibration = f"{calibrated:%Y%m%d}" if calibrated else ""
    answer.TimeOfLastCalibration = f"{calibrated:%H%M%S}" if calibrated else ""
    return _selected(desk, answer)


def get_job(desk: Desk) -> Outcome:
    """What became of a job of this printer (PS3.3 C.13.8), whichever association made it."""
    try:
        found = desk.book.get(desk.operation.sop_instance_uid)
    except NoSuchJob as error:
        raise NormalizedFailure(str(error), status=Status.NO_SUCH_SOP_INSTANCE) from None
    if found.printer != desk.printer.ae_title:
        raise NormalizedFailure(
            "the job is one of another printer", status=Status.NO_SUCH_SOP_INSTANCE
        )
    answer = Dataset()
    answer.ExecutionStatus = found.state.value
    answer.ExecutionStatusInfo = found.info
    answer.PrintPriority = found.priority.name
    made = found.made.astimezone()
    answer.CreationDate = made.strftime("%Y%m%d")
    answer.CreationTime = made.strftime("%H%M%S")
    answer.PrinterName = name_of(desk.printer)
    answer.Originator = found.originator
    return _selected(desk, answer)


def get_configuration(desk: Desk) -> Outcome:
    """What the printer can do (PS3.4 H.4.11)."""
    _check_instance(desk, CONFIGURATION_INSTANCE)
    answer = Dataset()
    answer.PrinterConfigurationSequence = configurations(desk.printer)
    return _selected(desk, answer)


def _check_instance(desk: Desk, uid: str) -> None:
    if desk.operation.sop_instance_uid != uid:
        raise NormalizedFailure(f"there is one instance, {uid}", status=Status.NO_SUCH_SOP_INSTANCE)


def _selected(desk: Desk, whole: Dataset) -> Outcome:
    """What was asked for of it; 0107H names what is not there (PS3.7 C.4.2)."""
    wanted = desk.operation.wanted
    if not wanted:
        return Outcome(dataset=whole)
    answer = Dataset()
    for number in wanted:
        if number in whole:
            answer[number] = whole[number]
    lacking = tuple(number for number in wanted if number not in whole)
    status = Status.ATTRIBUTE_LIST_ERROR if lacking else Status.SUCCESS
    return Outcome(status=status, dataset=answer, attributes=lacking)


def _changed(path: Path) -> dt.datetime | None:
    try:
        return dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC).astimezone()
    except OSError:
        return None
