"""Any sequence of arrivals and corrections: the index is what a model says, rebuilt too."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.corrections import PatientKey
from pacs_framework.archive.outgoing import Recipient
from pacs_framework.archive.query_keys import Root
from pacs_framework.archive.reindex import reindex
from pacs_framework.archive.verify import verify
from pacs_framework.dicom.attributes import Level
from pacs_framework.dicom.rewrite import load_header
from pacs_framework.errors import CorrectionRefused
from pacs_framework.index import schema
from pacs_framework.index.database import Database, open_database
from pacs_framework.testing.arrivals import announced, encoded, mr_image, send
from pacs_framework.testing.scene import Scene

BY = {"by": "test", "reason": "because"}
NAMES = ("PatientName", "PatientBirthDate", "PatientSex")
patients = st.sampled_from("ABCD")
values = st.fixed_dictionaries(
    {},
    optional={
        "PatientName": st.sampled_from(["", "One", "Two"]),
        "PatientBirthDate": st.sampled_from(["", "19700101", "19800101"]),
        "PatientSex": st.sampled_from(["", "F", "M"]),
    },
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("store"), patients, st.sampled_from("123"), values),
        st.tuples(st.just("store"), patients, st.sampled_from("123"), values),
        st.tuples(st.just("update"), patients, values),
        st.tuples(st.just("merge"), patients, patients),
        st.tuples(st.just("unmerge"), patients),
        st.tuples(st.just("link"), patients, patients),
        st.tuples(st.just("unlink"), patients, patients),
    ),
    max_size=16,
)


@dataclass
class Model:
    """Who is who, and what each instance said."""

    into: dict[str, str] = field(default_factory=dict)
    stored: dict[int, tuple[str, dict[str, str]]] = field(default_factory=dict)
    links: set[frozenset[str]] = field(default_factory=set)

    def ends(self, pair: frozenset[str]) -> frozenset[str]:
        return frozenset(map(self.current, pair))

    def person(self, patient: str) -> set[str]:
        """All that are the same person as a patient, by links of links."""
        person = {self.current(patient)}
        while (
            new := {end for pair in map(self.ends, self.links) if pair & person for end in pair}
            - person
        ):
            person |= new
        return person

    def current(self, patient: str) -> str:
        while patient in self.into:
            patient = self.into[patient]
        return patient

    def patients(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, (patient, _) in self.stored.items():
            found.setdefault(self.current(patient), []).append(number)
        return found


def carry_out(archive: Archive, model: Model, step: tuple) -> None:
    kind, patient, *rest = step
    key = PatientKey(patient_id=patient)
    if kind == "store":
        # A series has one set of values: an unmerge looks at its first instance alone.
        study, said = rest
        series = f"1.2.{study}.{ord(patient)}.{sum(map(ord, str(sorted(said.items()))))}"
        number = len(model.stored) + 1
        image = mr_image(
            number,
            **{"PatientName": None, **said},
            PatientID=patient,
            StudyInstanceUID=f"1.2.{study}",
            SeriesInstanceUID=series,
        )
        send(archive, encoded(image), announced(number))
        model.stored[number] = (patient, said)
    elif kind == "update":
        archive.patients.update(key, rest[0], **BY)
        shown = archive.patients.find(key)
        assert not rest[0] or (shown is not None and rest[0].items() <= shown.values.items())
    elif kind == "merge":
        circle = model.current(rest[0]) == patient
        merged = patient in model.into and model.current(patient) != model.current(rest[0])
        try:
            archive.patients.merge(key, PatientKey(patient_id=rest[0]), **BY)
        except CorrectionRefused:
            assert circle or merged
        else:
            assert not circle
            assert not merged
            model.into.setdefault(patient, model.current(rest[0]))
    elif kind in ("link", "unlink"):
        carry_out_link(archive, model, kind, patient, rest[0])
    elif patient in model.into:
        try:
            archive.patients.unmerge(key, **BY)
        except CorrectionRefused:
            assert model.into[patient] in model.into
        else:
            del model.into[patient]


def carry_out_link(archive: Archive, model: Model, kind: str, one: str, other: str) -> None:
    ends = frozenset((model.current(one), model.current(other)))
    direct = {pair for pair in model.links if model.ends(pair) == ends}
    roundabout = kind == "unlink" and not direct and model.person(one) == model.person(other)
    call = archive.patients.link if kind == "link" else archive.patients.unlink
    try:
        done = call(PatientKey(patient_id=one), PatientKey(patient_id=other), **BY)
    except CorrectionRefused:
        assert len(ends) == 1 or roundabout
        return
    assert len(ends) == 2
    assert not roundabout
    if kind == "link":
        assert (done is None) == (ends in model.links)
        model.links.add(ends)
    else:
        assert (done is None) == (not direct)
        model.links -= direct


def check_links(archive: Archive, model: Model) -> None:
    for name in "ABCD":
        found = [key.patient_id for key in archive.patients.linked(PatientKey(patient_id=name))]
        assert found == sorted(model.person(name) - {model.current(name)})


def rows(database: Database) -> dict[int, tuple[str, ...]]:
    """What the index says of the patient of each instance."""
    p = schema.patient.c
    statement = sa.select(
        schema.instance.c.sop_instance_uid,
        *(p.patient_id, p.patient_name, p.patient_birth_date, p.patient_sex),
        *(schema.study.c.study_instance_uid, schema.series.c.series_instance_uid),
    ).select_from(schema.instance.join(schema.series).join(schema.study).join(schema.patient))
    with database.reading() as connection:
        return {int(r[0].rsplit(".", 1)[1]): tuple(r[1:]) for r in connection.execute(statement)}


def expected(archive: Archive, model: Model) -> dict[int, tuple[str, ...]]:
    """What was corrected, over what the instances of each patient said first."""
    found = {}
    for patient, numbers in model.patients().items():
        shown = archive.patients.find(PatientKey(patient_id=patient))
        assert shown is not None
        said = [model.stored[number][1] for number in numbers]
        row = [
            shown.values[name]
            if name in shown.corrected
            else next((each[name] for each in said if each.get(name)), "")
            for name in NAMES
        ]
        found |= dict.fromkeys(numbers, (patient, *row))
    return found


def sent(archive: Archive) -> dict[int, Dataset]:
    opener = archive.retrieve.opener(Recipient(door="get", aet="TEST"))
    found = {}
    for uid in ("1.2.1", "1.2.2", "1.2.3"):
        wanted = Dataset()
        wanted.StudyInstanceUID = uid
        for stored in archive.retrieve.locate(Level.STUDY, Root.STUDY, wanted):
            with closing(opener.open(stored).data) as data:
                header = load_header(data, ExplicitVRLittleEndian)
            found[int(stored.sop_instance_uid.rsplit(".", 1)[1])] = header
    return found


def check_sent(archive: Archive, model: Model) -> None:
    for number, header in sent(archive).items():
        patient, said = model.stored[number]
        shown = archive.patients.find(PatientKey(patient_id=patient))
        assert shown is not None
        assert header.PatientID == shown.key.patient_id
        for name in NAMES:
            told = shown.values[name] if name in shown.corrected else said.get(name, "")
            assert str(header.get(name) or "") == told
        changed = patient != shown.key.patient_id or any(
            shown.values[name] != said.get(name, "") for name in shown.corrected
        )
        others = sorted(model.person(patient) - {model.current(patient)})
        assert [item.PatientID for item in header.get("OtherPatientIDsSequence") or ()] == others
        changed = changed or bool(others)
        assert ("OriginalAttributesSequence" in header) == changed


@example(
    [  # what was emptied stays empty in a merge
        ("store", "D", "1", {"PatientName": "", "PatientSex": "F"}),
        ("update", "D", {"PatientSex": ""}),
        ("merge", "D", "A"),
    ]
)
@example(
    [  # who was linked under a key that is merged afterwards, and taken out again
        ("store", "A", "1", {}),
        ("link", "A", "B"),
        ("merge", "A", "C"),
        ("link", "C", "D"),
        ("unlink", "C", "B"),
        ("link", "A", "B"),
        ("unmerge", "A"),
        ("link", "A", "C"),
    ]
)
@settings(max_examples=20, deadline=None)
@given(steps)
def test_index_and_retrieval_are_what_the_corrections_say(done: list[tuple]) -> None:
    """And a rebuild gives the same index, with every correction."""
    with TemporaryDirectory() as folder, ExitStack() as opened:
        url = f"sqlite:///{Path(folder) / 'index.db'}"
        database = opened.enter_context(closing(open_database(url)))
        scene = Scene(database, Path(folder) / "data")
        opened.callback(scene.end)
        archive, model = scene.archive(), Model()
        for step in done:
            carry_out(archive, model, step)
        before = rows(database)
        assert {n: row[:4] for n, row in before.items()} == expected(archive, model)
        check_sent(archive, model)
        check_links(archive, model)
        assert list(verify(archive)) == []
        scene.end()
        database.close()
        assert list(reindex(url, scene.storage, scene.data)) == []
        scene.database = opened.enter_context(closing(open_database(url)))
        archive = scene.archive()
        assert rows(scene.database) == before
        check_sent(archive, model)
        check_links(archive, model)
        scene.end()  # before its database is closed
