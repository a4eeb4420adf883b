"""``pacs user`` and ``pacs token``, beside a running archive in a process of its own."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from pacs_framework.cli.main import main
from pacs_framework.testing.factories import Archives
from pacs_framework.testing.process import ServedArchive
from pacs_http.commands import token, user
from pacs_http.tables import TABLES, guard
from pacs_http.tables import token as token_table
from pacs_http.tables import user as user_table
from pacs_http.testing import WebArchive

_OLD_TABLES = TABLES.metadata.sorted_tables
_SOME_TIME = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


@pytest.fixture
def served(pacs_archive: Archives) -> ServedArchive:
    """Two workers that share the port of HTTP."""
    config = '[plugins]\nallow = ["http", "storage-filesystem"]\n[network]\nworkers = 2\n'
    return pacs_archive.served(config=config)


def test_users_and_tokens_reach_every_worker_at_once(served: ServedArchive) -> None:
    """The archive needs no restart: they are in its tables."""
    url = served.doors["http"]
    create = ("token", "create", "app", "--role", "viewer")
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        assert client.get("/openapi.json").status_code == 200
    made = served.run(*create, "--config", served.config).stdout.strip()
    for _ in range(6):  # new connections, so both workers are asked
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            assert client.get("/openapi.json").status_code == 401
            headers = {"Authorization": f"Bearer {made}"}
            assert client.get("/openapi.json", headers=headers).status_code == 200
    assert served.stop() == 0
    assert made not in served.log_text()


def run(web: WebArchive, group: Any, *arguments: str, stdin: str = "") -> Any:
    """A command on the tables of a running archive."""
    data = ["--data", str(web.running.data)]
    return CliRunner().invoke(main, [str(group.name), *arguments, *data], input=stdin)


def test_a_user_from_the_first_to_the_last_day(web: WebArchive) -> None:
    added = run(
        web, user, "add", "jane", "--role", "viewer", "--password-stdin", stdin="pass word\n"
    )
    assert added.output == "user jane may log in as viewer\n"
    with web.client() as client:
        assert client.get("/echo/x", auth=("jane", "pass word")).status_code == 200
        assert client.post("/count", auth=("jane", "pass word")).status_code == 403
        run(web, user, "role", "jane", "--role", "editor")
        assert client.post("/count", auth=("jane", "pass word")).status_code == 200
        run(web, user, "passwd", "jane", "--password-stdin", stdin="another one\n")
        assert client.get("/echo/x", auth=("jane", "pass word")).status_code == 401
    (listed,) = json.loads(run(web, user, "list", "--json").output)
    assert (listed["name"], listed["roles"]) == ("jane", ["editor"])
    assert "password" not in listed
    assert "jane" in run(web, user, "list").output
    assert run(web, user, "remove", "jane").exit_code == 0
    assert json.loads(run(web, user, "list", "--json").output) == []


def test_with_the_last_user_the_door_stays_shut(web: WebArchive) -> None:
    """Whoever had made users does not want everybody on this machine to do everything."""
    add = ("add", "jane", "--role", "viewer", "--password-stdin")
    with web.client() as client:
        assert client.get("/echo/x").status_code == 200
        run(web, user, *add, stdin="pass word\n")
        made = run(web, token, "create", "app", "--role", "viewer").output
        assert "there are users" in run(web, user, "reopen").output
        run(web, user, "remove", "jane")
        assert "there are tokens" in run(web, user, "reopen").output
        run(web, token, "revoke", made.split("_")[1])
        assert client.get("/echo/x").status_code == 401
        assert client.get("/echo/x", auth=("jane", "pass word")).status_code == 401
        assert run(web, user, "reopen").exit_code == 0
        assert client.get("/echo/x").status_code == 200


def test_a_configured_login_is_not_taken_back(tmp_path: Path) -> None:
    config = tmp_path / "pacs.toml"
    config.write_text(f"[archive]\ndata = '{tmp_path}/data'\n[plugin.http]\nlogin = 'required'\n")
    result = CliRunner().invoke(main, ["user", "reopen", "--config", str(config)])
    assert result.exit_code == 2
    assert "the configuration asks everybody to log in" in result.output


@pytest.mark.parametrize(("accounts", "guarded"), [("", 0), ("http_user", 1), ("http_token", 1)])
def test_an_older_archive_remembers_the_users_that_it_has(accounts: str, guarded: int) -> None:
    """Tables of the first version, brought up to the second."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        TABLES.metadata.create_all(connection, tables=[t for t in _OLD_TABLES if t is not guard])
        if accounts == "http_user":
            row = {"name": "jane", "password": "x", "roles": "", "changed": _SOME_TIME}
            connection.execute(sa.insert(user_table).values(row))
        elif accounts:
            row = {"id": "1", "digest": b"x", "name": "t", "roles": "", "limits": "[]"}
            connection.execute(sa.insert(token_table).values({**row, "created": _SOME_TIME}))
        TABLES.upgrades[2](connection)
        assert connection.scalar(sa.select(sa.func.count()).select_from(guard)) == guarded
    engine.dispose()


def test_a_token_is_shown_once_and_listed_without_what_proves_it(web: WebArchive) -> None:
    arguments = ["--role", "viewer", "--days", "9", "--modality", "CT", "--ae-title", "CT?"]
    arguments.append("--json")
    made = json.loads(run(web, token, "create", "app", *arguments).output)
    identity = made["token"].split("_")[1]
    listed = run(web, token, "list", "--json").output
    assert made["token"].split("_", 2)[2] not in listed
    (row,) = json.loads(listed)
    assert (row["id"], row["limits"][0]["modalities"]) == (identity, ["CT"])
    assert row["limits"][0]["ae_titles"] == ["CT?"]
    assert "app" in run(web, token, "list").output
    assert run(web, token, "revoke", identity).output == f"token {identity} is revoked\n"


@pytest.mark.parametrize(
    ("group", "arguments", "stdin", "says"),
    [
        (user, ["add", "x", "--role", "boss", "--password-stdin"], "", "there is no role 'boss'"),
        (user, ["add", "x", "--role", "admin", "--password-stdin"], "short\n", "at least 8"),
        (user, ["add", "a b", "--role", "admin", "--password-stdin"], "password\n", "a name has"),
        (user, ["remove", "nobody"], "", "there is no user 'nobody'"),
        (token, ["revoke", "abc"], "", "there is no token 'abc'"),
        (token, ["create", "x"], "", "Missing option '--role'"),
    ],
)
def test_what_cannot_be_done_is_told(
    web: WebArchive, group: Any, arguments: list[str], stdin: str, says: str
) -> None:
    result = run(web, group, *arguments, stdin=stdin)
    assert result.exit_code != 0
    assert says in result.output + str(result.exception)


def test_commands_that_need_no_http_do_not_import_it() -> None:
    """The start of `pacs` stays as quick as without the plugin."""
    code = (
        "import sys; from pacs_framework.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('uvicorn', 'uvloop', 'starlette', 'argon2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
