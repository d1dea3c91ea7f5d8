"""Cordon in front of one suite's server: a data directory of its own, keys, the session of each task.

What always holds: the manifest is the committed one, the same for every task; `off` changes one line of it. What it
deliberately does not do: look into the gateway.
"""

import contextlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests/e2e"))

from gateway import Gateway  # noqa: E402


class Cordon:
    pass
