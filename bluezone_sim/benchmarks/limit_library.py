"""The limit's C, compiled for the instructions that Numba may use, and loaded into this process."""

from __future__ import annotations

import ctypes
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..errors import InputError
from ..kernels.cpu import features

_SOURCE = Path(__file__).with_name("limit.c")
#: Features that the C makes something of; LLVM and the compilers call them the same.
_USED = (
    *("ssse3", "sse4.1", "avx", "avx2", "bmi", "bmi2", "lzcnt", "popcnt", "aes", "sha", "vaes"),
    *("avx512f", "avx512dq", "avx512bw", "avx512vl"),
)
#: What it cannot do without: there is no limit to tell of tables.
_NEEDED = frozenset({"aes", "sse4.1"})
#: One of them makes SHA-256.
_SHA = frozenset({"sha", "avx2"})


def build_library() -> ctypes.CDLL:
    """Compiles the C and loads it.

    Raises:
        InputError: there is no C compiler, it fails, or the processor lacks what the C needs.
    """
    missing = _NEEDED - features() or (_SHA if not _SHA & features() else frozenset())
    if missing or platform.machine().lower() not in ("x86_64", "amd64"):
        lacks = f"; there is no {', '.join(sorted(missing))} here" if missing else ""
        raise InputError(
            f"bench limit: the limit is written for x86-64 with AES and SHA or AVX2{lacks}"
        )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        target = Path(folder) / "limit.so"
        _compile(target)
        return ctypes.CDLL(str(target))


def flags() -> list[str]:
    """Options for the instructions that Numba may use, and no others."""
    return [
        "-march=x86-64",
        "-mtune=native",
        *(f"-m{name}" for name in _USED if name in features()),
    ]


def _compile(target: Path) -> None:
    call = [*_compiler(), "-O3", *flags(), "-shared", "-fPIC", "-o", str(target), str(_SOURCE)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode:
        why = "\n".join(done.stderr.strip().splitlines()[:5])
        raise InputError(f"bench limit: {call[0]} cannot compile {_SOURCE.name}\n{why}")


def _compiler() -> list[str]:
    """Of the variable CC, or gcc, or cc."""
    given = shlex.split(os.environ.get("CC", ""))
    for name in (given[0],) if given else ("gcc", "cc"):
        found = shutil.which(name)
        if found is not None:
            return [found, *given[1:]]
    what = f"CC={given[0]}: there is no such program" if given else "there is no gcc and no cc"
    raise InputError(f"bench limit: {what}; install a C compiler, or name one in CC")
