"""Objects that go into an S3 store straight away: what an archive could reach at the very most."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.client.tasks import Clock, Sample, Store
from bench.data import Uids, instances, kind_named

if TYPE_CHECKING:
    from obstore.store import S3Store

__all__ = ["Place", "put_objects"]


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, and the file of AWS credentials that lets one in."""

    endpoint: str
    bucket: str
    credentials: Path

    def opened(self) -> S3Store:
        """With the least work for both sides: requests are signed, bodies are not.

        rclone now and then fails over one of the first objects of a folder, and takes it then.
        """
        from obstore.store import S3Store  # noqa: PLC0415 - for this task alone

        known = ConfigParser()
        known.read_string(self.credentials.read_text())
        return S3Store(
            self.bucket,
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id=known["default"]["aws_access_key_id"],
            secret_access_key=known["default"]["aws_secret_access_key"],
            virtual_hosted_style_request=False,
            unsigned_payload=True,
            client_options={"allow_http": True},
            retry_config={"max_retries": 3, "retry_timeout": dt.timedelta(seconds=60)},
        )


def put_objects(place: Place, job: Store) -> Sample:
    """PUT as many data sets as ``job`` would have stored, from a thread for each association."""
    import obstore  # noqa: PLC0415 - for this task alone

    store = place.opened()
    [instance] = instances(kind_named(job.kind), Uids(job.run), 1)
    body = b"".join(instance.pieces())
    put = partial(obstore.put, store, file=body, use_multipart=False)
    with ThreadPoolExecutor(job.associations) as pool, Clock() as clock:
        for _ in pool.map(put, (f"{job.run}/{number}" for number in range(job.count))):
            pass
    return clock.sample(job.count)
