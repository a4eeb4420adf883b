"""What may be configured, and what is refused before anything is served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pacs_http.settings import HttpSettings, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_for_this_machine(host: str) -> None:
    assert is_loopback(host)
    assert HttpSettings(host=host).login == "auto"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "pacs.example.org"])
def test_another_address_needs_login(host: str) -> None:
    """A name may mean any address."""
    with pytest.raises(ValidationError, match='set login = "required" and make users'):
        HttpSettings(host=host)
    assert HttpSettings(host=host, login="required").host == host


@pytest.mark.parametrize(
    "wrong",
    [
        {"public_url": "pacs.example.org"},
        {"public_url": "https://pacs.example.org/archive"},
        {"cors_origins": ["*"]},
        {"cors_origins": ["https://a.example/page"]},
        {"trusted_proxies": ["10.0.0.0/99"]},
        {"trusted_proxies": ["proxy"]},
        {"roles": {"x": {"allow": ["everything"]}}},
        {"tls": {"enabled": True}},
        {"certificates": {"CN=x": ["viewer"]}},
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpSettings(**wrong)


def test_the_check_refuses_what_a_start_refuses(tmp_path: Path) -> None:
    """Without starting anything."""
    from click.testing import CliRunner  # noqa: PLC0415 - of this test alone

    from pacs_framework.cli.main import main  # noqa: PLC0415 - of this test alone

    config = tmp_path / "pacs.toml"
    config.write_text(f'[archive]\ndata = "{tmp_path}/data"\n[plugin.http]\nhost = "0.0.0.0"\n')
    result = CliRunner().invoke(main, ["check", "--config", str(config)])
    assert result.exit_code == 1
    assert 'set login = "required"' in result.output
