"""Everything that can go wrong, as one tree; each error knows what the wire answers.

::

    PacsError                       processing failure, and the root of all
    ├── ConfigurationError          a setting is wrong; raised before anything starts
    ├── PluginError                 a plugin broke its contract, or one that is needed is missing
    ├── InstanceError               what the peer sent is not an instance that can be kept
    │   ├── UnreadableInstance      the data set cannot be parsed
    │   ├── MismatchedInstance      the data set is not what the command announced
    │   └── DuplicateInstance       the instance exists and the policy rejects a second one
    ├── RefusedByPolicy             a plugin or a rule said no
    ├── NotAnonymized               an instance could not be de-identified, so it stays here
    ├── CorrectionRefused           a patient cannot be corrected like this
    ├── BackupError                 a backup cannot be made there, or is not whole
    ├── DeletionRefused             what is to be deleted has to stay, for now or for good
    │   └── InstanceProtected       its study or its patient is protected
    ├── NothingToDelete             nothing in the archive is what is to be deleted
    ├── QueryError                  the identifier of a query or a retrieval is not usable
    ├── IndexUnavailable            the database is away or failed
    └── StorageError                the bytes cannot be kept or given back
        ├── OutOfResources          no room, or the reserve is reached
        └── ObjectNotFound          no object under this key

A message says what failed, the value with ``!r``, and what to do. It never carries patient data,
because messages are logged at every level and travel to the peer as Error Comment (0000,0902).
"""

from __future__ import annotations

from http import HTTPStatus

from pacs_framework.dicom.status import Status

__all__ = [
    "BackupError",
    "ConfigurationError",
    "CorrectionRefused",
    "DeletionRefused",
    "DuplicateInstance",
    "IndexUnavailable",
    "InstanceError",
    "InstanceProtected",
    "MismatchedInstance",
    "NotAnonymized",
    "NothingToDelete",
    "ObjectNotFound",
    "OutOfResources",
    "PacsError",
    "PluginError",
    "QueryError",
    "RefusedByPolicy",
    "StorageError",
    "UnreadableInstance",
]


class PacsError(Exception):
    """The root: an error that a peer is told about as ``status`` (DIMSE) or ``http_status``.

    A single error may be raised with another DIMSE status where the service class defines a
    better one for its case.
    """

    status: int = Status.PROCESSING_FAILURE
    http_status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        if status is not None:
            self.status = status


class ConfigurationError(PacsError):
    """A setting is wrong. The message names the key, its value, and the nearest known one."""


class PluginError(PacsError):
    """A plugin broke its contract, raised in a hook, or is needed and not installed."""


class InstanceError(PacsError):
    """What arrived is not an instance that can be kept."""

    status = Status.CANNOT_UNDERSTAND
    http_status = HTTPStatus.BAD_REQUEST


class UnreadableInstance(InstanceError):
    """The data set cannot be parsed (PS3.4 B.2.3, C000H: cannot understand)."""


class MismatchedInstance(InstanceError):
    """The data set is not what the command announced, or lacks a required UID (A900H)."""

    status = Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS
    http_status = HTTPStatus.CONFLICT


class DuplicateInstance(InstanceError):
    """The SOP Instance UID exists and the policy is to reject (PS3.7 C.5.6, 0111H)."""

    status = Status.DUPLICATE_SOP_INSTANCE
    http_status = HTTPStatus.CONFLICT


class RefusedByPolicy(PacsError):
    """A DECIDE hook or a rule of the site said no (PS3.7 C.5.13, 0124H: not authorized)."""

    status = Status.NOT_AUTHORIZED
    http_status = HTTPStatus.FORBIDDEN


class NotAnonymized(PacsError):
    """An instance could not be de-identified, so nothing of it may go on (0110H)."""

    http_status = HTTPStatus.UNPROCESSABLE_ENTITY


class CorrectionRefused(PacsError):
    """A correction of a patient contradicts what is there, or its values; nothing was changed."""

    http_status = HTTPStatus.CONFLICT


class DeletionRefused(PacsError):
    """What is to be deleted has to stay, for now or for good; nothing was deleted."""

    http_status = HTTPStatus.CONFLICT


class InstanceProtected(DeletionRefused):
    """Its study or its patient is protected; nothing was deleted."""


class NothingToDelete(PacsError):
    """Nothing in the archive is what is to be deleted."""

    http_status = HTTPStatus.NOT_FOUND


class BackupError(PacsError):
    """A backup cannot be made or restored there, or what is there is not whole."""

    http_status = HTTPStatus.CONFLICT


class QueryError(PacsError):
    """An identifier does not match the SOP class (PS3.4 C.4.1.1.4, A900H)."""

    status = Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS
    http_status = HTTPStatus.BAD_REQUEST


class IndexUnavailable(PacsError):
    """The database is away or failed; nothing was committed."""

    status = Status.OUT_OF_RESOURCES
    http_status = HTTPStatus.SERVICE_UNAVAILABLE


class StorageError(PacsError):
    """A storage backend failed to keep or to give back bytes."""

    status = Status.OUT_OF_RESOURCES
    http_status = HTTPStatus.SERVICE_UNAVAILABLE


class OutOfResources(StorageError):
    """No room is left, or the configured reserve would be touched."""

    http_status = HTTPStatus.INSUFFICIENT_STORAGE


class ObjectNotFound(StorageError):
    """No object under this key. Deleting a missing object is no error; reading one is."""

    status = Status.PROCESSING_FAILURE
    http_status = HTTPStatus.NOT_FOUND
