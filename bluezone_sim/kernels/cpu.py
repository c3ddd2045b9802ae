"""Which instructions the kernels may use, decided from the processor's features.

Code for an instruction that the processor lacks would abort the process, so the choice is made before
anything is compiled. Two units are chosen, each by itself: one hashes (SHA-256), one encrypts (AES).
``BLUEZONE_SIM_KERNELS`` forces them (``shani+aesni``, or one of the two). ``NUMBA_CPU_NAME`` and
``NUMBA_CPU_FEATURES`` narrow the choice, since they say what Numba may compile for.
"""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from typing import Any, NamedTuple

from ..errors import InputError

VARIABLE = "BLUEZONE_SIM_KERNELS"

_AVX512 = frozenset({"avx512f", "avx512dq", "avx512vl", "avx512bw"})
#: Units, best first, and the features that each needs, as LLVM names them.
SHA: dict[str, frozenset[str]] = {
    "shani": frozenset({"sha", "ssse3"}),
    "armv8": frozenset({"sha2"}),
    "lanes": frozenset(),
}
AES: dict[str, frozenset[str]] = {
    "vaes512": frozenset({"vaes", "aes", "avx2", "avx512vbmi"}) | _AVX512,
    "vaes256": frozenset({"vaes", "aes", "avx2"}),
    "aesni": frozenset({"aes", "ssse3"}),
    "armv8": frozenset({"aes", "neon"}),
    "tables": frozenset(),
}
#: Names that an earlier version had for two units together.
_OLD = {"vaes": "shani+vaes512", "aesni": "lanes+aesni", "portable": "lanes+tables"}


class Units(NamedTuple):
    """Names of the units that hash and encrypt; as text ``shani+vaes512``."""

    sha: str
    aes: str

    def __str__(self) -> str:
        return f"{self.sha}+{self.aes}"


@cache
def name() -> str:
    """The processor that Numba compiles for, as LLVM names it."""
    from llvmlite import binding
    from numba.core import config as numba_config

    config: Any = numba_config
    return str(config.CPU_NAME or binding.get_host_cpu_name())


@cache
def features() -> frozenset[str]:
    """Features that compiled code may use, as LLVM names them."""
    from llvmlite import binding
    from numba.core import codegen
    from numba.core import config as numba_config

    config: Any = numba_config

    if config.CPU_FEATURES is not None:
        found = _switched_on(str(config.CPU_FEATURES))
    elif name() != binding.get_host_cpu_name():
        return frozenset()  # what that CPU has is LLVM's secret, so nothing is taken for granted
    elif sys.platform == "darwin" and platform.machine() == "arm64" and name().startswith("apple-"):
        # LLVM answers nothing there. All of Apple's own processors have them.
        found = frozenset({"aes", "neon", "sha2"})
    else:
        found = _switched_on(codegen.get_host_cpu_features())
    # Older LLVM says one word for both of Arm's.
    return found | ({"aes", "sha2"} if "crypto" in found else set())


def _switched_on(listed: str) -> frozenset[str]:
    return frozenset(f[1:] for f in listed.split(",") if f.startswith("+"))


def _has_arm() -> bool:
    return platform.machine().lower() in ("arm64", "aarch64")


def available() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the SHA units and of the AES units that this processor has, best first.

    Intel's SHA instructions take twice as long as its AVX-512 on plain lanes; AMD's take less.
    """
    sha, aes = (
        tuple(n for n, needs in units.items() if needs <= features() and _fits(n))
        for units in (SHA, AES)
    )
    if features() >= _AVX512 and not name().startswith("znver"):
        sha = tuple(sorted(sha, key=lambda n: n != "lanes"))
    return sha, aes


def _fits(unit: str) -> bool:
    """Both families call a feature ``aes``."""
    return unit in ("lanes", "tables") or (unit == "armv8") == _has_arm()


def units() -> Units:
    """The units to use: the best available ones, or those that ``BLUEZONE_SIM_KERNELS`` names.

    Raises:
        InputError: the variable names a unit that is unknown or that this processor lacks.
    """
    given = os.environ.get(VARIABLE, "")
    best = Units(*(names[0] for names in available()))
    if not given:
        return best
    parts = _OLD.get(given, given).split("+")
    sha = [p for p in parts if p in SHA]
    aes = [p for p in parts if p in AES]
    if not set(parts) <= {*SHA, *AES} or len(sha) > 1 or len(aes) > 1:
        raise InputError(
            f"{VARIABLE}={given}: expected one of {', '.join(SHA)}, one of {', '.join(AES)}, or both "
            "with + between them"
        )
    chosen = Units(*sha or [best.sha], *aes or [best.aes])
    for unit, has, needs in zip(chosen, available(), (SHA, AES), strict=True):
        if unit not in has:
            missing = ", ".join(sorted(needs[unit] - features())) or f"the {unit} instructions"
            raise InputError(
                f"{VARIABLE}={given}: this processor lacks {missing}; choose from {', '.join(has)}"
            )
    return chosen
