"""What compiled code depends on, as a digest: code is found again only where all of it is the same.

Numba's own cache asks whether the file of a function has changed, and not that of a function that it
calls, and it knows no setting but the processor's name and features: code of yesterday, or of
``NUMBA_OPT=0``, would go on.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import llvmlite
import numba
import numpy as np
import scipy
from numba import config

#: The folder that holds all kernels.
KERNELS = Path(__file__).parents[1]
#: Settings of Numba that say where and how it works, and not what comes of it.
_OF_NO_EFFECT = re.compile(
    "CACHE_.*|CUDA_.*|DUMP_.*|DEBUG_(CACHE|PRINT_.*)|(NUMBA_)?(DEFAULT_)?NUM_THREADS|THREADING_LAYER.*"
    "|COLOR_SCHEME|SHOW_HELP|FULL_TRACEBACKS|DEVELOPER_MODE|DISABLE_PERFORMANCE_WARNINGS"
    "|RUNNING_UNDER_PROFILER"
)


def of_sources(files: Iterable[Path], root: Path) -> str:
    """Digest of the names and contents of files in ``root``."""
    found = hashlib.sha256()
    for path in sorted(files):
        name = path.relative_to(root).as_posix().encode()
        found.update(name + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


#: Of all kernels, as they were when they were loaded.
SOURCES = of_sources(KERNELS.rglob("*.py"), KERNELS)


@cache
def _beside(file: Path) -> str:
    """Digest of the package that holds a kernel of somebody else's, or of its one file."""
    top = file.parent
    if not (top / "__init__.py").exists():
        return of_sources([file], top)
    while (top.parent / "__init__.py").exists():
        top = top.parent
    return of_sources(top.rglob("*.py"), top)


def _settings() -> list[str]:
    """All that changes the code: versions, and Numba's settings."""
    versions = (numba.__version__, llvmlite.__version__, np.__version__, scipy.__version__)
    out = [sys.implementation.cache_tag or "", sys.version, sys.platform, *versions]
    plain = (bool, int, float, str, type(None))
    for name, value in sorted(vars(config).items()):
        if name.isupper() and isinstance(value, plain) and not _OF_NO_EFFECT.fullmatch(name):
            out.append(f"{name}={value!s}")
    return out


def of_function(file: str) -> str:
    """Digest of what the code of a kernel in ``file`` depends on, but for its own name and types."""
    path = Path(file).resolve()
    own = "" if path.is_relative_to(KERNELS.resolve()) else _beside(path)
    return hashlib.sha256("\0".join([SOURCES, own, *_settings()]).encode()).hexdigest()[:16]
