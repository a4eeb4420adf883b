"""Makes `installations` importable and hands out its fixture."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from installations import make

__all__ = ["make"]
