"""Two archives on one PostgreSQL have the same users, tokens and links, at the same moment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from pacs_framework.testing.process import ServedArchive, served

pytestmark = pytest.mark.postgresql


@pytest.fixture
def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[ServedArchive]]:
    """On one index and one folder of objects."""
    url = request.getfixturevalue("pacs_postgres").new_database()
    config = (
        f'[index]\nurl = "{url}"\n'
        f'[storage]\nurl = "{(tmp_path / "objects").as_uri()}"\n'
        '[plugins]\nallow = ["http", "storage-filesystem"]\n'
        '[plugin.http]\nlink_target = "{link}/openapi.json"\n'
    )
    with ExitStack() as undo:
        yield [
            undo.enter_context(served(tmp_path / name, config=config)) for name in ("one", "two")
        ]


def run(node: ServedArchive, *arguments: str) -> str:
    """A command beside a running node."""
    done = node.run(*arguments, "--config", node.config)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_one_node_gives_and_takes_holds_on_the_other_at_once(
    nodes: list[ServedArchive],
) -> None:
    one, two = nodes
    with httpx.Client(base_url=two.doors["http"], timeout=60, trust_env=False) as client:
        assert client.get("/openapi.json").status_code == 200
        token = run(one, "token", "create", "app", "--role", "viewer")
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get("/openapi.json").status_code == 401
        assert client.get("/openapi.json", headers=headers).status_code == 200
        link = re.sub(r"^http://[^/]+", "", run(one, "link", "create", "1.2.3", "--days", "1"))
        assert client.get(f"{link}/openapi.json").status_code == 200
        run(one, "token", "revoke", token.split("_")[1])
        assert client.get("/openapi.json", headers=headers).status_code == 401
        run(one, "link", "revoke", link.split("_")[1])
        assert client.get(f"{link}/openapi.json").status_code == 404
