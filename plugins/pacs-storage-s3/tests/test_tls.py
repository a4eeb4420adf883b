"""A store behind TLS, with a certificate of the site's own authority."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from pacs_framework.errors import StorageError
from pacs_framework.testing.certificates import make_certificates
from pacs_framework.testing.objects import content, get, put_new
from pacs_storage_s3.backend import open_backend
from pacs_storage_s3.serving import PrivateS3

LARGE = 9 << 20


def test_the_authority_that_is_named_is_trusted_and_no_other(place, tmp_path: Path) -> None:
    """By both libraries: for small objects, and for parts and ranges."""
    made = make_certificates(tmp_path)
    with PrivateS3(certificate=made.server) as server:
        reached = {
            "endpoint": server.endpoint,
            "credentials_file": server.credentials_file,
            "budget": 3.0,
        }
        assert server.endpoint.startswith("https://")
        with closing(open_backend(place.url, place.settings(**reached, ca_file=made.ca))) as own:
            for number, size in enumerate((5000, LARGE)):
                key = put_new(own, content(1, size), number)
                same = get(own, key) == content(1, size)
                assert same
            with own.open(key, offset=5 << 20, length=10) as source:
                assert source.read() == content(1, LARGE)[5 << 20 :][:10]
        with closing(open_backend(place.url, place.settings(**reached))) as stranger:
            for size in (5000, LARGE):
                with pytest.raises(StorageError, match="is not trusted; set ca_file"):
                    put_new(stranger, content(1, size), 9)
