"""The archive that services are shown to has the codecs of its plugins, as the real one."""

from __future__ import annotations

import sys
from pathlib import Path

from pacs_framework import hookimpl
from pacs_framework.app import empty_archive
from pacs_framework.codecs.codec import Codec
from pacs_framework.plugins.plugin_set import PluginSet

sys.path.insert(0, str(Path(__file__).parent))

from encapsulating import SYNTAX, Mirror


class Mirrors:
    """A plugin with one codec."""

    @hookimpl
    def codecs(self) -> list[Codec]:
        return [Mirror()]


def test_a_rule_that_a_codec_can_follow_is_not_refused_where_services_are_only_listed(
    tmp_path: Path,
) -> None:
    """`pacs plugins`, `pacs check` and `pacs conformance` would call a sound plugin failed."""
    plugins = PluginSet.with_local({"mirrors": Mirrors()})
    with empty_archive(tmp_path, plugins=plugins) as archive:
        archive.transcoding.check_target(SYNTAX)
