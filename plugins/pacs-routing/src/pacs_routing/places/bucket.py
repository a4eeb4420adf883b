"""Buckets of S3-compatible stores: each instance becomes an object, a DICOM file (PS3.10)."""

from __future__ import annotations

import configparser
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.store import S3Store

from pacs_framework.buckets.connecting import open_stores
from pacs_framework.buckets.objects import Objects, content_type
from pacs_framework.buckets.writing import BucketWriter, StreamedUpload
from pacs_framework.errors import ConfigurationError, StorageError
from pacs_routing.places import files
from pacs_routing.places.address import Address
from pacs_routing.places.contract import Away, Carrier, Place, Taken

if TYPE_CHECKING:
    from pathlib import Path

    from obstore.store import S3Config

    from pacs_framework.dicom.file_meta import InstanceKind
    from pacs_routing.file_names import FileName
    from pacs_routing.parcels import Parcel
    from pacs_routing.places.encoding import Encoding
    from pacs_routing.settings import Destination, Priority

__all__ = ["BucketPlace"]

_PART = 8 << 20  # bytes: S3 takes parts from 5 MiB on, and one is held in memory
_REGION = "us-east-1"


class BucketPlace(Place, Carrier):
    """The bucket and prefix that ``settings.bucket`` names. Raises `ConfigurationError`.

    Credentials are those of the environment, as AWS's own tools find them there, or of the file.
    """

    aet = ""

    def __init__(self, settings: Destination, name: FileName, encoding: Encoding) -> None:
        self._settings = settings
        self._address = Address.of(settings.bucket)
        self._name = name
        self._encoding = encoding

    def where(self) -> str:
        """Its URL, and who keeps it."""
        endpoint = self._settings.endpoint
        return f"{self._settings.bucket} at {endpoint}" if endpoint else self._settings.bucket

    @contextmanager
    def open(self, kinds: Collection[InstanceKind]) -> Iterator[Carrier]:
        """Nothing has to be opened: what is wrong with it shows with the first object."""
        del kinds
        try:
            _ = self._objects
        except ConfigurationError as error:
            raise Away(str(error)) from error
        yield self

    def check(self) -> str:
        """List what is below the prefix, as far as the first answer goes."""
        try:
            next(iter(self._objects.listed()), None)
        except (ConfigurationError, StorageError) as error:
            raise Away(str(error)) from error
        return "the bucket can be listed"

    def carry(self, parcel: Parcel, priority: Priority, meanwhile: Callable[[], object]) -> Taken:
        """Put the object: under its key it is whole, or not there; what was there is replaced."""
        del priority
        key = str(self._name.of_parcel(parcel))
        encoded = files.encoded(parcel, self._encoding)
        begin = partial(StreamedUpload, self._objects, part_size=_PART)
        with BucketWriter(self._objects, key, begin, part_size=_PART, read_back=False) as writer:
            for piece in files.pieces(encoded):  # its failures are ours
                with _theirs():
                    writer.write(piece)
            meanwhile()
            with _theirs():
                writer.commit()
        return Taken(sop_instance_uid=encoded.sop_instance_uid)

    @cached_property
    def _objects(self) -> Objects:
        settings = self._settings
        stores = open_stores(
            partial(S3Store, self._address.bucket, config=_config(settings)),
            budget=settings.timeout,
            http=urlsplit(settings.endpoint).scheme == "http",
            ca_file=settings.ca,
            section=Address.section,
        )
        return Objects(self._address, stores, {"Content-Type": content_type(sealed=False)})


@contextmanager
def _theirs() -> Iterator[None]:
    """What the store does not do is no failure of our own storage."""
    try:
        yield
    except StorageError as error:
        raise Away(str(error)) from error


def _config(settings: Destination) -> S3Config:
    config: S3Config = {"checksum_algorithm": "SHA256"}
    if settings.endpoint:
        config["endpoint"] = settings.endpoint
        config["region"] = settings.region or _REGION
        config["virtual_hosted_style_request"] = False
    elif settings.region:
        config["region"] = settings.region
    if settings.credentials_file is not None:
        keys = _credentials(settings.credentials_file)
        config["access_key_id"] = keys["aws_access_key_id"]
        config["secret_access_key"] = keys["aws_secret_access_key"]
        if "aws_session_token" in keys:
            config["session_token"] = keys["aws_session_token"]
    return config


def _credentials(file: Path) -> configparser.SectionProxy:
    """The profile ``default`` of a file as AWS's tools have it. Raises `ConfigurationError`."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(file.read_text("utf-8"))
        section = parser["default"]
        _ = section["aws_access_key_id"], section["aws_secret_access_key"]
    except OSError as error:
        raise ConfigurationError(
            f"credentials_file {str(file)!r} cannot be read: {error.strerror}"
        ) from error
    except (configparser.Error, KeyError, UnicodeDecodeError):  # their words may quote secrets
        raise ConfigurationError(
            f"credentials_file {str(file)!r} has no section [default] with aws_access_key_id and "
            "aws_secret_access_key"
        ) from None
    return section
