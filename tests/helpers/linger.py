"""What a helping process does that does not come to an end by itself."""

from __future__ import annotations

import os
import time
from pathlib import Path


def linger(file: str) -> None:
    """Says its process in ``file``, and stays."""
    Path(f"{file}.part").write_text(str(os.getpid()))
    Path(f"{file}.part").replace(file)
    time.sleep(600)
