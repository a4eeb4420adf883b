"""The hooks."""

from __future__ import annotations

import subprocess
import sys

from pacs_codecs_imagecodecs import plugin
from pacs_framework.dicom.uids import TRANSFER_SYNTAXES


def test_no_library_is_loaded_before_the_first_frame() -> None:
    """An archive that starts does not wait for decoders."""
    code = (
        "import sys; from pacs_codecs_imagecodecs import plugin;"
        "from pacs_framework.codecs.pixels import PixelFormat;"
        "pixels = PixelFormat(rows=1, columns=1, bits_allocated=8, bits_stored=8);"
        "print([(c.can_decode(pixels), c.can_encode(pixels)) for c in plugin.codecs()]);"
        "sys.exit('imagecodecs' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0


def test_each_transfer_syntax_has_one_codec_and_a_name_in_the_statement() -> None:
    syntaxes = [codec.transfer_syntax for codec in plugin.codecs()]
    assert len(syntaxes) == len(set(syntaxes)) == 18
    assert set(syntaxes) <= set(TRANSFER_SYNTAXES)
    (remark,) = plugin.conformance()
    assert "JPEG XL Lossless" in remark.text
    assert "1.2.840" not in remark.text
