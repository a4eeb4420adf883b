"""Whose studies they are: by which Patient ID a source is asked, and whether its answers fit.

A Patient ID means somebody only together with its issuer (PS3.3 C.7.1.1), and archives are asked
by the ID alone. So nothing is fetched by an ID of another issuer, nor of an answer that says
another patient than the one who was asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from pacs_fetch.datasets import text_of
from pacs_framework.archive.corrections import PatientKey

if TYPE_CHECKING:
    from pydicom import Dataset

    from pacs_framework.archive.archive import Archive

__all__ = ["digest_of", "key_for", "strange", "strangers"]

_NOT_LITERAL = frozenset("*?\\")  # wild cards, and what separates values (PS3.4 C.2.2.2.4)


def key_for(issuer: str, patient: PatientKey, others: Iterable[PatientKey]) -> PatientKey | str:
    """By which of its keys a source that knows IDs of ``issuer`` is asked for a patient.

    ``others`` are who else the patient is. A sentence where there is none.
    """
    keys = [patient, *others]
    fitting = [key for key in keys if key.issuer == issuer] if issuer else [patient]
    if not fitting:
        return f"no Patient ID of issuer {issuer!r} is linked with the patient"
    if _NOT_LITERAL.intersection(fitting[0].patient_id):
        return "the Patient ID holds a wild card, by which others would be found as well"
    return fitting[0]


def strange(answer: Dataset, key: PatientKey, birth_date: str) -> str:
    """Why an answer is about somebody else than was asked for; empty where it is not.

    No patient data: it goes into logs.
    """
    if text_of(answer, "PatientID") != key.patient_id:
        return "another Patient ID"
    issuer = text_of(answer, "IssuerOfPatientID")
    if issuer and key.issuer and issuer != key.issuer:
        return "another issuer of the Patient ID"
    born = text_of(answer, "PatientBirthDate")
    if born and birth_date and born != birth_date:
        return "another birth date"
    return ""


def digest_of(patient_id: str) -> str:
    """What jobs name a patient by: whoever sees jobs is not to see Patient IDs.

    It keeps them out of lists and logs; it is no secret from someone who tries all IDs.
    """
    return hashlib.sha256(patient_id.strip().encode("utf-8")).hexdigest()[:32]


def strangers(archive: Archive, study: str, known: Collection[str], patient: str) -> list[str]:
    """The instances of ``study``, but those ``known`` before, of another patient than the one of
    this digest. Raises `IndexUnavailable`.
    """
    return [
        instance.sop_instance_uid
        for instance in archive.lookup.instances(study)
        if instance.sop_instance_uid not in known
        and digest_of(instance.patient_id) != patient
        and not _carries(archive, instance.sop_instance_uid, patient)
    ]


def _carries(archive: Archive, sop_instance_uid: str, patient: str) -> bool:
    """Whether that patient was merged into the one under whom the instance is filed."""
    key = archive.patients.carried_by(sop_instance_uid)
    return key is not None and digest_of(key.patient_id) == patient
