"""What a result was made with."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import NUMERIC_VERSION, SCHEMA_VERSION, __version__
from ..files import DIGESTS
from ..scenario.by_protocol import filled_tables
from ..scenario.profiles import profile_of

if TYPE_CHECKING:
    from ..analysis.result import RunResult


_PACKAGES = (
    "numpy",
    "numba",
    "llvmlite",
    "scipy",
    "simpy",
    "cryptography",
    "bleak",
    "pydantic",
    "pyarrow",
    "matplotlib",
)


def manifest(result: RunResult) -> dict[str, Any]:
    """What is needed to repeat the run, and what it took."""
    return {
        "schema_version": SCHEMA_VERSION,
        "numeric_version": NUMERIC_VERSION,
        "bluezone_sim": __version__,
        "git_commit": git_commit(),
        "digests": DIGESTS,
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "seed": result.seed,
        "scenario": result.scenario.model_dump(mode="json"),
        "left_to_protocol": filled_tables(result.scenario),
        "radio_profile": profile_of(result.scenario).model_dump(mode="json"),
        "result": result.to_dict(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "platform": {
            "system": platform.platform(),
            "machine": platform.machine(),
            "cpu": processor(),
            "cores": os.cpu_count(),
            "byteorder": sys.byteorder,
        },
        "threads": result.threads,
        "seconds": round(result.seconds, 3),
        "peak_memory_mib": round(result.peak_memory_mib, 1),
    }


def git_commit() -> str | None:
    """Commit of the checkout that runs, or that the wheel was built from; None where unknown."""
    package = Path(__file__).resolve().parent.parent
    built = package / "_commit.txt"
    if built.is_file():
        return built.read_text(encoding="ascii").strip() or None
    if not (package.parent / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"],
            cwd=package,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def processor() -> str:
    """The processor's name, where the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor()
