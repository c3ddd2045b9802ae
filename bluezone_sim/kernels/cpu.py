"""Which instructions the kernels may use, decided once from the CPU's features.

Code for an instruction that the CPU lacks would abort the process, so the choice is made before
anything is compiled. ``BLUEZONE_SIM_KERNELS`` forces a path. ``NUMBA_CPU_NAME`` and
``NUMBA_CPU_FEATURES`` narrow it, since they say what Numba may compile for.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any, NamedTuple

from ..errors import InputError

VARIABLE = "BLUEZONE_SIM_KERNELS"


# A path is an argument of the compiled functions, each of a type of its own: so each path has compiled
# code of its own, in memory and in Numba's cache.
class Vaes(NamedTuple):
    """AES on four blocks at a time (VAES, AVX-512); SHA-256 on the SHA instructions; gathers."""

    tag: int = 0


class Aesni(NamedTuple):
    """AES on a block at a time (AES-NI); SHA-256 on vector lanes."""

    tag: int = 0


class Portable(NamedTuple):
    """AES by tables, SHA-256 on whatever vectors there are; works everywhere."""

    tag: int = 0


Path = Vaes | Aesni | Portable

_NEEDS: dict[str, tuple[type[Path], frozenset[str]]] = {
    "vaes": (Vaes, frozenset({"vaes", "aes", "avx512f", "avx512dq", "avx512vl", "sha", "ssse3"})),
    "aesni": (Aesni, frozenset({"aes", "sse2"})),
    "portable": (Portable, frozenset()),
}


@cache
def features() -> frozenset[str]:
    """Features that compiled code may use, as LLVM names them."""
    from llvmlite import binding
    from numba.core import config as numba_config

    config: Any = numba_config

    if config.CPU_FEATURES is not None:
        given = str(config.CPU_FEATURES).split(",")
        return frozenset(f[1:] for f in given if f.startswith("+"))
    if config.CPU_NAME is not None and binding.get_host_cpu_name() != config.CPU_NAME:
        return frozenset()  # what that CPU has is LLVM's secret, so nothing is taken for granted
    return frozenset(name for name, on in binding.get_host_cpu_features().items() if on)


def available() -> tuple[str, ...]:
    """Paths that this CPU has, best first."""
    return tuple(name for name, (_, needs) in _NEEDS.items() if needs <= features())


def path() -> Path:
    """The path to use: the best available one, or the one that ``BLUEZONE_SIM_KERNELS`` names.

    Raises:
        InputError: the variable names a path that is unknown or that this CPU lacks.
    """
    wanted = os.environ.get(VARIABLE, "")
    choices = available()
    if not wanted:
        return _NEEDS[choices[0]][0]()
    if wanted not in _NEEDS:
        raise InputError(f"{VARIABLE}={wanted}: expected one of {', '.join(_NEEDS)}")
    if wanted not in choices:
        missing = ", ".join(sorted(_NEEDS[wanted][1] - features()))
        raise InputError(
            f"{VARIABLE}={wanted}: this CPU lacks {missing}; choose from {', '.join(choices)}"
        )
    return _NEEDS[wanted][0]()
