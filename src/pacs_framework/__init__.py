"""A plugin-based PACS framework: a minimal DICOM archive kernel with hook contracts.

Plugin authors need `hookimpl` and the contracts in `pacs_framework.hookspecs`,
`pacs_framework.storage` and `pacs_framework.network.service`.
"""

from __future__ import annotations

from importlib_metadata import version

from pacs_framework.hookspecs import hookimpl

__all__ = ["__version__", "hookimpl"]

__version__ = version("pacs-framework")
