"""The tables of the index. Migrations in ``index/migrations`` create exactly these.

Text columns hold the value as it is answered: decoded to Unicode, trailing padding removed, several
values joined by a backslash, empty when the attribute is absent or empty (never NULL). A column
``…_search`` holds a normalised form made for narrowing in SQL; the exact decision of a match is
always `pacs_framework.dicom.matching`, on the value itself.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from pacs_framework.dicom.attributes import Level, indexed_at

__all__ = [
    "change",
    "corrected_patient",
    "cursor",
    "deletion",
    "instance",
    "label",
    "linked_patient",
    "metadata",
    "obsolete",
    "patient",
    "patient_correction",
    "patient_link",
    "protection",
    "recorded_patient",
    "series",
    "study",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives row ids only for INTEGER PRIMARY KEY, and with AUTOINCREMENT never gives one twice:
# each process remembers ids of parents, and one that is gone must not come back as another.
_Id = BigInteger().with_variant(Integer(), "sqlite")

# Values are compared by their bytes on both engines: prefixes and ranges use the index, and keyset
# paging has one order, whatever locale a PostgreSQL database was made with.
_Text = Text().with_variant(Text(collation="C"), "postgresql")


def _values(level: Level) -> list[Column[str]]:
    """One text column for each attribute that is indexed at this level."""
    return [Column(a.column, _Text, nullable=False, default="") for a in indexed_at(level)]


patient = Table(
    "patient",
    metadata,
    Column("id", _Id, primary_key=True),
    *_values(Level.PATIENT),
    Column("patient_name_search", _Text, nullable=False, default=""),
    UniqueConstraint("patient_id", "issuer_of_patient_id"),
    Index(None, "patient_name_search"),
    # A name may match in its second or third component group; few names have more than one.
    Index(
        "ix_patient_name_groups",
        "patient_name_search",
        sqlite_where=text("patient_name_search LIKE '%=%'"),
        postgresql_where=text("patient_name_search LIKE '%=%'"),
    ),
    Index(None, "patient_birth_date"),
    sqlite_autoincrement=True,
)

# Two patients whose instances carry one Study Instance UID have two rows, so that images of one
# person are never shown as another's.
study = Table(
    "study",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("patient_fk", _Id, ForeignKey("patient.id"), nullable=False),
    *_values(Level.STUDY),
    Column("study_datetime_search", _Text, nullable=False, default=""),
    UniqueConstraint("study_instance_uid", "patient_fk"),
    Index(None, "patient_fk"),
    Index(None, "study_datetime_search"),
    Index(None, "accession_number"),
    Index(None, "study_id"),
    sqlite_autoincrement=True,
)

series = Table(
    "series",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("study_fk", _Id, ForeignKey("study.id"), nullable=False),
    *_values(Level.SERIES),
    UniqueConstraint("series_instance_uid", "study_fk"),
    Index(None, "study_fk", "modality"),
    sqlite_autoincrement=True,
)

instance = Table(
    "instance",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("series_fk", _Id, ForeignKey("series.id"), nullable=False),
    *_values(Level.IMAGE),
    Column("transfer_syntax_uid", String(64), nullable=False),
    Column("storage_key", Text, nullable=False),
    Column("version", String(32), nullable=False),
    # The object is `dataset_offset` bytes of Part 10 prefix, then the data set; `size` counts both.
    Column("dataset_offset", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("prefix_digest", LargeBinary(32), nullable=False),
    Column("dataset_digest", LargeBinary(32), nullable=False),
    Column("received", DateTime, nullable=False),
    # The AE title that it was stored from, empty where none is known; of all columns the only one
    # that says something of the sender.
    Column("source_aet", _Text, nullable=False, server_default=text("''")),
    UniqueConstraint("sop_instance_uid"),
    UniqueConstraint("storage_key"),
    # Whether a series has anything of a sender is one look, however many instances it has.
    Index(None, "series_fk", "source_aet"),
)

# A sequence number never comes twice, though SQLite takes the largest there is and adds one: rows
# of the feed are never altered, and whoever prunes them one day must leave the newest one. With
# AUTOINCREMENT, which says the same by a table of its own, each commit would write one page more.
change = Table(
    "change",
    metadata,
    Column("sequence", _Id, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("at", DateTime, nullable=False),
    Column("patient_id", Text, nullable=False),
    Column("issuer_of_patient_id", Text, nullable=False),
    Column("study_instance_uid", String(64), nullable=False),
    Column("series_instance_uid", String(64), nullable=False),
    Column("sop_instance_uid", String(64), nullable=False),
    Column("sop_class_uid", String(64), nullable=False),
    Column("door", String(32), nullable=False),
    Column("calling_aet", String(16), nullable=False),
    Column("called_aet", String(16), nullable=False),
    Column("address", String(64), nullable=False),
    Column("association_id", String(64), nullable=False),
    Column("tls_subject", Text, nullable=False),
)

# Objects that the index stopped naming and that still have to be deleted: written in the
# transaction that stopped naming them, so that a crash in between forgets nothing.
obsolete = Table(
    "obsolete",
    metadata,
    Column("storage_key", Text, primary_key=True),
)

cursor = Table(
    "cursor",
    metadata,
    Column("consumer", String(128), primary_key=True),
    Column("sequence", _Id, nullable=False),
)

# The corrections of patients (see `pacs_framework.archive.patients`). They are nowhere but here: a
# rebuild of the index keeps these two tables, and the two of links below.
patient_correction = Table(
    "patient_correction",
    metadata,
    Column("sequence", _Id, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("at", DateTime, nullable=False),
    Column("patient_id", _Text, nullable=False),
    Column("issuer_of_patient_id", _Text, nullable=False),
    Column("into_patient_id", _Text),
    Column("into_issuer_of_patient_id", _Text),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("before", Text, nullable=False),  # JSON: keyword to text
    Column("after", Text, nullable=False),
    Index(None, "patient_id"),
    Index(None, "into_patient_id"),
)

# What holds of a patient now, by the key that instances carry. `demographics` are of no account
# while it is merged into another.
corrected_patient = Table(
    "corrected_patient",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("patient_id", _Text, nullable=False),
    Column("issuer_of_patient_id", _Text, nullable=False),
    Column("into_patient_id", _Text),
    Column("into_issuer_of_patient_id", _Text),
    Column("demographics", Text, nullable=False),  # JSON: keyword to text
    Column("sequence", _Id, ForeignKey("patient_correction.sequence"), nullable=False),
    UniqueConstraint("patient_id", "issuer_of_patient_id"),
    Index(None, "into_patient_id"),
)

# Instances that carry the key of a patient that was merged into the one they are filed under.
recorded_patient = Table(
    "recorded_patient",
    metadata,
    Column("instance_fk", _Id, ForeignKey("instance.id", ondelete="CASCADE"), primary_key=True),
    Column("corrected_fk", _Id, ForeignKey("corrected_patient.id"), nullable=False),
    Index(None, "corrected_fk"),
)

# Two keys that were declared to be of one person, each as it stood when they were linked; the one
# that sorts first stands first. Merges leave these rows alone: each key means whom it means now.
patient_link = Table(
    "patient_link",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("patient_id", _Text, nullable=False),
    Column("issuer_of_patient_id", _Text, nullable=False),
    Column("other_patient_id", _Text, nullable=False),
    Column("other_issuer_of_patient_id", _Text, nullable=False),
    Column("sequence", _Id, ForeignKey("patient_correction.sequence"), nullable=False),
    UniqueConstraint(
        "patient_id",
        "issuer_of_patient_id",
        "other_patient_id",
        "other_issuer_of_patient_id",
        name="uq_patient_link_keys",
    ),
    Index(None, "other_patient_id"),
)

# What follows from the links for each patient that has any, written with whatever changes it: who
# reads instances must not have to follow links and merges for each of them.
linked_patient = Table(
    "linked_patient",
    metadata,
    Column("corrected_fk", _Id, ForeignKey("corrected_patient.id"), primary_key=True),
    Column("others", Text, nullable=False),  # JSON: a list of [Patient ID, issuer]
    # The correction that changed `others` last.
    Column("sequence", _Id, ForeignKey("patient_correction.sequence"), nullable=False),
)

# What was deleted, by whom and why; Patient ID is NULL where no patient was named. A rebuild of the
# index keeps this table and the two below: they are nowhere but here.
deletion = Table(
    "deletion",
    metadata,
    Column("sequence", _Id, primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("door", String(32), nullable=False),
    Column("patient_id", _Text),
    Column("issuer_of_patient_id", _Text),
    Column("study_instance_uid", String(64), nullable=False),
    Column("series_instance_uid", String(64), nullable=False),
    Column("sop_instance_uid", String(64), nullable=False),
    Column("studies", Integer, nullable=False),
    Column("series", Integer, nullable=False),
    Column("instances", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
)


def _subject() -> list[Column[str]]:
    """A study by its UID; or, where that is empty, a patient by the key that was named.

    Not rows of the tables above: what is said of a study holds also after the index is made anew.
    """
    names = ("study_instance_uid", "patient_id", "issuer_of_patient_id")
    return [Column(name, _Text, nullable=False) for name in names]


protection = Table(
    "protection",
    metadata,
    Column("id", _Id, primary_key=True),
    *_subject(),
    Column("since", DateTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    UniqueConstraint("study_instance_uid", "patient_id", "issuer_of_patient_id"),
)

label = Table(
    "label",
    metadata,
    Column("id", _Id, primary_key=True),
    *_subject(),
    Column("name", _Text, nullable=False),
    Column("since", DateTime, nullable=False),
    Column("by", Text, nullable=False),
    UniqueConstraint("study_instance_uid", "patient_id", "issuer_of_patient_id", "name"),
    Index(None, "name"),
)
