"""Performs steps by models: as pacs-ups wants it of a performer, which it is taken for by its
methods, so that this plugin needs no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from pacs_ai.book import RunRecord, State
from pacs_ai.catalogue import chosen, models_of
from pacs_ai.errors import ModelCanceled, ModelFailed, NoVolume
from pacs_ai.inference import Inference, lose_dead_runs
from pacs_ai.keeping import workers_of
from pacs_ai.performing.given import (
    FAILED,
    UNSUPPORTED,
    Input,
    NotPerformed,
    input_of,
)
from pacs_ai.results.signature import uid_of
from pacs_ai.terms import NAME
from pacs_framework.errors import ConfigurationError, InstanceError
from pacs_framework.jobs import JobCanceled
from pacs_framework.rendering.attributes import items_of, text_of
from pacs_framework.waking import Waker

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_ai.catalogue import OfferedModel
    from pacs_ai.performing.settings import CodeSettings, WorkitemSettings
    from pacs_ai.settings import AiSettings
    from pacs_framework.archive.archive import Archive
    from pacs_framework.jobs import JobContext

__all__ = ["ModelPerformer", "Output", "Performed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An instance that a run made."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """How it went; with a ``refusal``, ``reason_code`` says the same by PS3.16 CID 9300."""

    outputs: tuple[Output, ...] = ()
    refusal: str = ""
    reason_code: str = ""


class ModelPerformer:
    """Performs the steps that ``[[plugin.ai.workitems]]`` are for."""

    name = NAME

    def __init__(self, archive: Archive, settings: AiSettings) -> None:
        self._archive = archive
        self._settings = settings

    def wants(self, step: Dataset) -> bool:
        """Whether one of the workitems is for the step."""
        return self._workitem(step) is not None

    def _workitem(self, step: Dataset) -> WorkitemSettings | None:
        return next((each for each in self._settings.workitems if _is_for(each, step)), None)

    def perform(self, uid: str, step: Dataset, context: JobContext) -> Performed:
        """Run the model on what the step names. Raises `ModelFailed` and `JobCanceled`."""
        try:
            with closing(Waker()) as canceled, context.on_cancel(canceled.ring):
                return self._performed(uid, step, context, canceled)
        except NotPerformed as error:
            return Performed(refusal=str(error), reason_code=error.code)

    def _performed(
        self, uid: str, step: Dataset, context: JobContext, canceled: Waker
    ) -> Performed:
        given, model = input_of(self._archive, step), self._model(step)
        workers = workers_of(self._archive, self._settings)
        inference = Inference.configured(self._archive, self._settings, workers=workers)
        lose_dead_runs(self._archive, inference.book)
        runs = _Runs(
            step=uid,
            model=model,
            given=given,
            context=context,
            canceled=canceled,
            inference=inference,
        )
        return Performed(outputs=tuple(runs.outputs()))

    def _model(self, step: Dataset) -> OfferedModel:
        workitem = self._workitem(step)
        assert workitem is not None  # as `wants` said
        try:
            return chosen(models_of(self._archive, self._settings), workitem.model)
        except ConfigurationError as error:
            raise NotPerformed(str(error), FAILED) from error


def _is_for(workitem: WorkitemSettings, step: Dataset) -> bool:
    return (
        _has(step, "ScheduledWorkitemCodeSequence", workitem.workitem)
        and _has(step, "ScheduledStationNameCodeSequence", workitem.station)
        and workitem.worklist in ("", text_of(step, "WorklistLabel"))
    )


def _has(step: Dataset, keyword: str, wanted: CodeSettings | None) -> bool:
    return wanted is None or any(
        text_of(item, "CodeValue") == wanted.value
        and wanted.scheme in ("", text_of(item, "CodingSchemeDesignator"))
        for item in items_of(step, keyword)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runs:
    """The runs of one step: of a model of studies one, else one for each series.

    Their UIDs follow from that of the step, so that who takes it up again finds them.
    """

    step: str
    model: OfferedModel
    given: Input
    context: JobContext
    canceled: Waker
    inference: Inference

    def outputs(self) -> Iterator[Output]:
        """What all of them made. Raises `NotPerformed` where the model is for none."""
        whole = self.model.level == "study"
        about = ("",) if whole else self.given.series
        refusals = []
        for number, series in enumerate(about):
            try:
                record = self._run(series, number, len(about))
            except (NoVolume, InstanceError) as error:
                refusals.append(str(error))
            except ModelCanceled as error:
                raise JobCanceled(str(error)) from error
            else:
                yield from self._made(record)
        if len(refusals) == len(about):
            why = "; ".join(dict.fromkeys(refusals))
            raise NotPerformed(f"{self.model.label} is not for its input: {why}", UNSUPPORTED)

    def _run(self, series: str, number: int, total: int) -> RunRecord:
        """The one that went well, else a new one."""
        for attempt in count():
            uid = uid_of(f"{self.step}/{series}/{self.model.label}/{attempt}")
            record = self.inference.book.known(uid)
            if record is None:
                break
            if self._is_whole(record):
                return record
        record = self.inference.run(
            self.model,
            self.given.study,
            series,
            uid=uid,
            only=() if series else self.given.series,
            progress=lambda done: self.context.progress(number + done, float(total)),
            canceled=self.canceled,
        )
        self._check(record)
        return record

    def _is_whole(self, record: RunRecord) -> bool:
        """Whether all is there that it made, though its process died before it could say so."""
        book, archive = self.inference.book, self.inference.archive
        results = book.results(record)
        if record.state is State.LOST and _all_stored(
            archive, (each.sop_instance_uid for each in results)
        ):
            for each in results:
                book.stored(record.uid, each.sop_instance_uid)
            book.end(record.uid, State.DONE, log=record.log)
            return True
        return record.state.went_well

    @staticmethod
    def _check(record: RunRecord) -> None:
        """What went wrong is in the run: the words of a model may name patients."""
        if record.state is State.CANCELED:
            raise JobCanceled(record.reason)
        why = f"run {record.uid} is {record.state}; `pacs ai show` tells why"
        if record.state is State.REFUSED:
            raise NotPerformed(why, FAILED)
        if not record.state.went_well:
            raise ModelFailed(why)

    def _made(self, record: RunRecord) -> Iterable[Output]:
        return [
            Output(
                study_instance_uid=self.given.study,
                series_instance_uid=each.series_instance_uid,
                sop_class_uid=each.sop_class_uid,
                sop_instance_uid=each.sop_instance_uid,
            )
            for each in self.inference.book.results(record)
        ]


def _all_stored(archive: Archive, uids: Iterable[str]) -> bool:
    found = [archive.lookup.instance(uid) is not None for uid in uids]
    return bool(found) and all(found)
