"""Films on printers of the network, by the Internet Printing Protocol (RFC 8010, RFC 8011)."""

from __future__ import annotations

from pacs_print.outputs.ipp.output import IppOutput, IppSettings

__all__ = ["IppOutput", "IppSettings"]
