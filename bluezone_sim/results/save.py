"""The run directory: written whole beside its place, then moved there."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import NUMERIC_VERSION, SCHEMA_VERSION, __version__
from ..errors import InputError
from ..files import _move, _write
from ..scenario.profiles import profile_of
from . import adopters, campaign
from .tables import histograms_to_arrow, outcomes_to_arrow, warnings_to_arrow

if TYPE_CHECKING:
    from .result import Result

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


def check_free(out: Path, *, force: bool) -> None:
    """Raises InputError if a run may not be written to ``out``; called before the work starts."""
    if out.exists() and not force:
        raise InputError(f"{out}: exists already; give --force to replace it, or another --out")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; expected the name of a directory")
    if out.exists() and any(out.iterdir()) and not (out / "manifest.json").exists():
        raise InputError(f"{out}: holds no run (no manifest.json), so it is not replaced")
    parent = next(p for p in out.absolute().parents if p.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{out}: cannot be made, {parent} is not a folder that can be written to")


def save(result: Result, out: Path, *, force: bool) -> Path:
    """Writes a run directory; see :meth:`bluezone_sim.Result.save`."""
    import pyarrow.parquet as pq

    from .figures import adoption_png
    from .report import render

    check_free(out, force=force)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, so that the last step is a rename within one file system.
    part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    part.chmod(0o755)
    try:
        for name, table in (
            ("metrics", result.metrics.to_arrow()),
            ("outcomes", outcomes_to_arrow(result.outcomes)),
            ("warnings", warnings_to_arrow(result.warnings)),
            ("histograms", histograms_to_arrow(result.histograms)),
        ):
            pq.write_table(table, part / f"{name}.parquet", compression="zstd")
        if result.adopters:
            pq.write_table(adopters.to_arrow(result.adopters), part / "adopters.parquet")
        if result.campaign is not None:
            tables = campaign.to_arrow(result.campaign)
            for name, table in zip(("campaign", "campaign_parts"), tables, strict=True):
                pq.write_table(table, part / f"{name}.parquet", compression="zstd")
        about = manifest(result)
        _write(part / "manifest.json", json.dumps(about, indent=2, ensure_ascii=False) + "\n")
        _write(part / "report.html", render(result, about))
        (part / "adoption.png").write_bytes(adoption_png(result))
        _move(part, out)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error})") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out


def manifest(result: Result) -> dict[str, Any]:
    """What is needed to repeat the run, and what it took."""
    return {
        "schema_version": SCHEMA_VERSION,
        "numeric_version": NUMERIC_VERSION,
        "bluezone_sim": __version__,
        "git_commit": git_commit(),
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "seed": result.seed,
        "scenario": result.scenario.model_dump(mode="json"),
        "radio_profile": profile_of(result.scenario).model_dump(mode="json"),
        "result": result.to_dict(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "platform": {
            "system": platform.platform(),
            "machine": platform.machine(),
            "cpu": _cpu(),
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


def _cpu() -> str:
    """The processor's name, where the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor()
