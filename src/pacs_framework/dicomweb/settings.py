"""How a configuration says who we are to a DICOMweb server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from pacs_framework.config.types import OptionalPath, Section

if TYPE_CHECKING:
    from pacs_framework.dicomweb.server import Server

__all__ = ["Login"]


class Login(Section):
    """How we log in. Passwords and tokens stand in files of their own."""

    user: str = Field(default="", description="Log in with this name, and password_file.")
    password_file: OptionalPath = Field(default=None, description="File with the password.")
    token_file: OptionalPath = Field(default=None, description="File with a bearer token.")
    ca: OptionalPath = Field(default=None, description="Authorities that are trusted, as PEM.")
    certificate: OptionalPath = Field(default=None, description="Our certificate, as PEM.")
    key: OptionalPath = Field(default=None, description="Its private key, as PEM.")

    def server(self, url: str, timeout: float) -> Server:
        """The service at ``url``; ``timeout`` is in seconds. Raises `ConfigurationError`."""
        # Not above: only where there is one.
        from pacs_framework.dicomweb.server import Secret, Server  # noqa: PLC0415

        return Server(
            url=url,
            user=self.user,
            password=Secret(file=self.password_file),
            token=Secret(file=self.token_file),
            ca=self.ca,
            certificate=self.certificate,
            key=self.key,
            timeout=timeout,
        )
