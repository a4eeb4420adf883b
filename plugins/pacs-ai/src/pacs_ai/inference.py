"""One model on one series, from the stored images to stored results, and the record of it."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import structlog
from pydicom.uid import generate_uid

from pacs_ai.book import Book, RunRecord, State
from pacs_ai.errors import ModelCanceled, NoVolume, RefusedOutput
from pacs_ai.keeping import workers_folder
from pacs_ai.results.checking import check_result, read_result
from pacs_ai.results.signature import Signature
from pacs_ai.results.writing import write_results
from pacs_ai.running.engine import end_container
from pacs_ai.running.gpus import Gpus
from pacs_ai.running.runner import Work
from pacs_ai.running.said import Said
from pacs_ai.running.warm import Workers
from pacs_ai.setting_aside import has_left, set_aside
from pacs_ai.terms import DOOR, NAME
from pacs_ai.volumes.loading import StoredSeries
from pacs_ai.volumes.study import Given, load_study
from pacs_framework.archive.claims import Claim, abandoned, living
from pacs_framework.archive.incoming import Origin
from pacs_framework.errors import PacsError

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_ai.catalogue import OfferedModel
    from pacs_ai.running.runner import Made
    from pacs_ai.settings import AiSettings
    from pacs_framework.archive.archive import Archive
    from pacs_framework.waking import Waker

__all__ = ["Inference", "lose_dead_runs"]

_RUNS, _GPUS = "runs", "gpus"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """Runs models on series of an archive, each in a folder below its data.

    ``output`` takes the results in place of the archive, to look at a model without trusting it.
    ``keep_refused`` is how many runs that were refused or failed keep what they made. ``workers``
    are those that models in Python run in, None for a new one each time; ``gpus`` and ``gpu_runs``
    are as in `pacs_ai.running.gpus.Gpus`.
    """

    archive: Archive
    book: Book
    keep_refused: int
    output: Path | None = None
    workers: Workers | None = None
    gpus: tuple[str, ...] = ()
    gpu_runs: int = 1

    @classmethod
    def configured(
        cls,
        archive: Archive,
        settings: AiSettings,
        *,
        output: Path | None = None,
        workers: Workers | None = None,
    ) -> Self:
        """As the section ``[plugin.ai]`` says."""
        return cls(
            archive=archive,
            book=Book(archive.tables(NAME)),
            keep_refused=settings.keep_refused,
            output=output,
            workers=workers,
            gpus=settings.gpus,
            gpu_runs=settings.gpu_runs,
        )

    def run(
        self,
        model: OfferedModel,
        study_instance_uid: str,
        series_instance_uid: str,
        *,
        uid: str = "",
        only: Collection[str] = (),
        progress: Callable[[float], None] = lambda _: None,
        canceled: Waker | None = None,
    ) -> RunRecord:
        """Run ``model``; what became of it, whatever that is. No series stands for the whole study,
        or for those of its series that ``only`` names, which is for models of that level. ``uid``
        is that of the run, a new one where it is not given.

        Raises `NoVolume` where the series is none for it, what looking it up raises, and as
        `WebFile.fetch`: then there is no run.
        """
        lose_dead_runs(self.archive, self.book)
        uid = uid or str(generate_uid(None))
        claim = Claim(self.archive.data / DOOR / _RUNS)
        try:
            given = self._given(model, study_instance_uid, series_instance_uid, only, claim.folder)
            if model.web is not None:
                model.web.fetch(claim.folder, canceled)
            digest = model.runner.digest()
            self.book.begin(
                given.sop_instance_uids,
                uid=uid,
                model=model.name,
                version=model.version,
                runner=model.runner.kind,
                digest=digest,
                study_instance_uid=study_instance_uid,
                series_instance_uid=series_instance_uid,
                folder=claim.folder.name,
            )
            said = Said()
            work = Work(
                uid=uid,
                folder=claim.folder,
                digest=digest,
                workers=self.workers or Workers(workers_folder(self.archive)),
                series=given,
                limits=model.limits,
                said=said,
                progress=progress,
                canceled=canceled,
            )
            self._attempt(model, work)
        finally:
            claim.close()
        return self.book.find(uid)

    def _given(
        self, model: OfferedModel, study: str, series: str, only: Collection[str], folder: Path
    ) -> Given:
        """What the model gets of it. Raises `NoVolume`."""
        if bool(series) == (model.level == "study"):
            raise NoVolume(f"{model.label} is for a {model.level}, not for a part or a whole of it")
        if not series:
            room = folder if model.runner.pixels else None
            return load_study(self.archive, study, model.wants, only=only, folder=room)
        stored = StoredSeries(self.archive, series)
        loaded = stored.load(model.wants, pixels=model.runner.pixels, folder=folder)
        if loaded.study_instance_uid != study:
            raise NoVolume(f"series {series!r} is not in that study")
        return loaded

    def _attempt(self, model: OfferedModel, work: Work) -> None:
        log = _log.bind(run=work.uid, model=model.label)
        try:
            made = self._made(model, work)
            instances = self._instances(model, made, work)
            if instances:
                self.book.made(work.uid, instances)
                self._keep(work, instances)
        except RefusedOutput as error:
            self._end(work, State.REFUSED, str(error))
            set_aside(self.archive, work, str(error), keep=self.keep_refused)
            # Why may be in words of the model: see the run.
            log.warning("results of a model refused")
        except ModelCanceled as error:
            self._end(work, State.CANCELED, str(error))
        except (PacsError, OSError) as error:
            self._end(work, State.FAILED, str(error))
            if has_left(work):
                set_aside(self.archive, work, str(error), keep=self.keep_refused)
            log.warning("a model failed")
        except BaseException:
            self._end(work, State.FAILED, "it was interrupted")
            raise
        else:
            state = State.NOTHING if made.nothing else State.DONE
            self._end(work, state, made.nothing)
            log.info("model run", state=state.value, results=len(instances))

    def _end(self, work: Work, state: State, reason: str = "") -> None:
        self.book.end(work.uid, state, reason=reason, log=work.said.text)

    def _made(self, model: OfferedModel, work: Work) -> Made:
        gpus = Gpus(folder=self.archive.data / DOOR / _GPUS, names=self.gpus, runs=self.gpu_runs)
        with gpus.environment(wanted=model.gpu, canceled=work.canceled) as environment:
            return model.runner.run(replace(work, environment=environment))

    def _instances(self, model: OfferedModel, made: Made, work: Work) -> list[Dataset]:
        signature = Signature(
            run=work.uid, name=model.name, version=model.version, manufacturer=model.manufacturer
        )
        instances = write_results(made.results, work.series, signature) if made.results else []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a program may write what breaks rules of values
            instances += [self._checked(path, work) for path in made.files]
        return instances

    def _checked(self, path: Path, work: Work) -> Dataset:
        made = read_result(path)
        check_result(made, work.series, known=partial(self._has, work.uid))
        return made

    def _has(self, run: str, sop_instance_uid: str) -> bool:
        """Whether somebody else's instance has this UID; a model may make its own once more."""
        there = self.archive.lookup.instance(sop_instance_uid) is not None
        return there and not self.book.is_own(run, sop_instance_uid)

    def _keep(self, work: Work, made: Sequence[Dataset]) -> None:
        """Write all, then store one after the other. A refused one fails the run and says which."""
        files = [self._write(work, number, each) for number, each in enumerate(made)]
        if self.output is not None:
            self.output.mkdir(parents=True, exist_ok=True)
            for file, instance in zip(files, made, strict=True):
                shutil.copyfile(file, self.output / f"{instance.SOPInstanceUID}.dcm")
            return
        origin = Origin(door=DOOR)
        for file, instance in zip(files, made, strict=True):
            self.archive.import_file(file, origin)
            self.book.stored(work.uid, str(instance.SOPInstanceUID))

    @staticmethod
    def _write(work: Work, number: int, made: Dataset) -> Path:
        path = work.folder / f"result-{number}.dcm"
        made.save_as(path, enforce_file_format=True)
        return path


def lose_dead_runs(archive: Archive, book: Book) -> None:
    """Runs whose process has died on this node are LOST; their containers and folders go."""
    runs = archive.data / DOOR / _RUNS
    with suppress(FileNotFoundError):
        book.lose({folder.name for folder in living(runs)})
        for parent in (runs, workers_folder(archive)):
            for folder in abandoned(parent):  # removed when its turn is over
                end_container(folder)
