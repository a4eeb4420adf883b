"""A reach in SQL: a test of each row that is exact, for nothing decides after it.

Where no limit is by AE title it is a test of the rows of ``series``; else of those of ``instance``,
as a series may come from several senders, and all limits have to hold of one and the same instance.
What is above a row is looked at from the row: two patients may have a study of one UID, and who
reaches the one does not reach the other.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, and_, exists, literal, or_, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from pacs_framework.dicom.wildcards import has_wildcard
from pacs_framework.index.conditions import NO_INDEX, Condition, OneOf, bindable
from pacs_framework.index.schema import (
    corrected_patient,
    instance,
    label,
    patient,
    series,
    study,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause
    from sqlalchemy.sql.compiler import SQLCompiler

    from pacs_framework.archive.reach import Limit, Reach

__all__ = ["Within", "conditions_of", "instance_in_reach", "series_in_reach", "study_in_reach"]

_instance = instance.alias("reach_instance")
_series = series.alias("reach_series")
_study = study.alias("reach_study")
_patient = patient.alias("reach_patient")
_label = label.alias("reach_label")
_merged = corrected_patient.alias("reach_merged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Within(Condition):
    """The series is in reach, or the instance; ``column`` is the id of what is tested."""

    reach: Reach

    @property
    def rank(self) -> int:
        """No index serves it."""
        return NO_INDEX

    @property
    def values(self) -> Sequence[str]:
        """None: who asks has the same reach again and again, so its values are in the SQL."""
        return ()

    @property
    def shape(self) -> Hashable:
        """The reach itself."""
        return type(self), self.reach

    def clause(self, bound: Sequence[ColumnElement[str]]) -> ColumnElement[bool]:
        """See `series_in_reach` and `instance_in_reach`."""
        del bound
        if self.column is instance.c.id:
            return instance_in_reach(self.reach)
        return series_in_reach(self.reach)


def conditions_of(reach: Reach | None) -> Sequence[Condition]:
    """What keeps a query within ``reach``, and what lets an index find it; none of everything."""
    if reach is None:
        return ()
    tested = instance if reach.divides_series else series
    found: list[Condition] = [Within(reach=reach, column=tested.c.id)]
    for group in reach.groups:
        if all(limit.studies for limit in group):
            studies = {uid for limit in group for uid in limit.studies}
            found.append(OneOf(column=study.c.study_instance_uid, among=_texts(studies)))
        elif all(limit.names_patients for limit in group):
            patients = {name for limit in group for name in limit.patients}
            found.append(OneOf(column=patient.c.patient_id, among=_texts(patients)))
    return found


def instance_in_reach(reach: Reach) -> ColumnElement[bool]:
    """A test of the rows of ``instance``."""
    return _instances_pass(reach, instance)


def series_in_reach(reach: Reach) -> ColumnElement[bool]:
    """A test of the rows of ``series``; where series are divided, that one has an instance."""
    if not reach.divides_series:
        return and_(*(or_(*(_series_passes(limit, series) for limit in g)) for g in reach.groups))
    below = select(1).select_from(_instance)
    below = below.where(_instance.c.series_fk == series.c.id, _instances_pass(reach, _instance))
    return exists(below.correlate(series))


def study_in_reach(reach: Reach) -> ColumnElement[bool]:
    """A test of the rows of ``study``: that it has a series in reach."""
    below = select(1).select_from(series)
    below = below.where(series.c.study_fk == study.c.id, series_in_reach(reach))
    return exists(below.correlate(study))


def _instances_pass(reach: Reach, row: FromClause) -> ColumnElement[bool]:
    return and_(*(or_(*(_instance_passes(limit, row) for limit in g)) for g in reach.groups))


def _instance_passes(limit: Limit, row: FromClause) -> ColumnElement[bool]:
    """A test of ``row``, which is ``instance`` by whatever name."""
    tests: list[ColumnElement[bool]] = []
    if limit.ae_titles:
        tests.append(_fits(row.c.source_aet, limit.ae_titles))
    of_series = replace(limit, ae_titles=())
    if not of_series.is_none:
        above = select(1).select_from(_series)
        above = above.where(_series.c.id == row.c.series_fk, _series_passes(of_series, _series))
        tests.append(exists(above.correlate(row)))
    return and_(*tests) if tests else true()


def _series_passes(limit: Limit, row: FromClause) -> ColumnElement[bool]:
    """A test of ``row``, which is ``series`` by whatever name; AE titles are not looked at."""
    tests: list[ColumnElement[bool]] = []
    if limit.modalities:
        tests.append(_fits(row.c.modality, limit.modalities))
    above: list[ColumnElement[bool]] = []
    if limit.patients:
        above.append(_fits(_patient.c.patient_id, limit.patients))
    if limit.studies:
        above.append(_is_one(_study.c.study_instance_uid, limit.studies))
    if limit.labels:
        above.append(_is_labelled(limit.labels))
    if above:
        source = _study.join(_patient, _patient.c.id == _study.c.patient_fk)
        found = select(1).select_from(source).where(_study.c.id == row.c.study_fk, *above)
        tests.append(exists(found.correlate(row)))
    return and_(*tests) if tests else true()


def _is_labelled(names: Sequence[str]) -> ColumnElement[bool]:
    """By a label of the study, or of the patient by his key or one that was merged into it."""
    c, holder = _label.c, _patient.c
    merged = select(1).where(
        _merged.c.patient_id == c.patient_id,
        _merged.c.issuer_of_patient_id == c.issuer_of_patient_id,
        _merged.c.into_patient_id == holder.patient_id,
        _merged.c.into_issuer_of_patient_id == holder.issuer_of_patient_id,
    )
    of_patient = or_(
        and_(
            c.patient_id == holder.patient_id,
            c.issuer_of_patient_id == holder.issuer_of_patient_id,
        ),
        exists(merged.correlate(_label, _patient)),
    )
    about = or_(
        c.study_instance_uid == _study.c.study_instance_uid,
        and_(c.study_instance_uid == "", of_patient),
    )
    found = select(1).select_from(_label).where(_is_one(c.name, names), about)
    return exists(found.correlate(_study, _patient))


def _fits(column: ColumnElement[Any], patterns: Sequence[str]) -> ColumnElement[bool]:
    plain = [each for each in patterns if not has_wildcard(each)]
    # One test for all of them: SQLite takes no OR of a thousand.
    tests = [_is_one(column, plain)] if plain else []
    tests += [_pattern(column, bindable(each)) for each in patterns if has_wildcard(each)]
    return or_(*tests)


def _is_one(column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    # A list that SQLAlchemy expanded at each run could not be prepared.
    return column.in_([literal(each) for each in _texts(values)])


class _FitsPattern(FunctionElement[bool]):
    """A column, and one pattern in the words of each engine: LIKE of SQLite ignores case."""

    type = Boolean()
    inherit_cache = True


def _pattern(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    escaped = "".join(f"\\{each}" if each in "\\%_" else each for each in text)
    like = escaped.replace("*", "%").replace("?", "_")
    return _FitsPattern(column, literal(like), literal(text.replace("[", "[[]")))


@compiles(_FitsPattern)
def _as_like(element: _FitsPattern, compiler: SQLCompiler, **more: Any) -> str:
    column, like, _ = (each.self_group() for each in element.clauses)
    return f"{compiler.process(column, **more)} LIKE {compiler.process(like, **more)}"


@compiles(_FitsPattern, "sqlite")
def _as_glob(element: _FitsPattern, compiler: SQLCompiler, **more: Any) -> str:
    column, _, glob = (each.self_group() for each in element.clauses)
    return f"{compiler.process(column, **more)} GLOB {compiler.process(glob, **more)}"


def _texts(values: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted({bindable(each) for each in values}))
