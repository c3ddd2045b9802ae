"""The run directory: written whole beside its place, then moved there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..analysis.arrow import (
    adopters_to_arrow,
    campaign_to_arrow,
    histograms_to_arrow,
    outcomes_to_arrow,
    warnings_to_arrow,
)
from ..errors import InputError
from ..files import recover, whole_folder

if TYPE_CHECKING:
    from ..analysis.result import RunResult


def check_free(out: Path, *, force: bool) -> None:
    """Raises InputError if a run may not be written to ``out``; called before the work starts."""
    recover(out)
    if out.exists() and not force:
        raise InputError(f"{out}: exists already; give --force to replace it, or another --out")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; expected the name of a directory")
    if out.exists() and any(out.iterdir()) and not (out / "manifest.json").exists():
        raise InputError(f"{out}: holds no run (no manifest.json), so it is not replaced")
    parent = next(p for p in out.absolute().parents if p.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{out}: cannot be made, {parent} is not a folder that can be written to")


def save(
    result: RunResult,
    out: Path,
    about: Mapping[str, Any],
    more: Mapping[str, bytes],
    *,
    force: bool,
) -> Path:
    """Writes a run directory; see :meth:`bluezone_sim.Result.save`.

    Args:
        result: the run.
        out: where.
        about: its manifest.
        more: other files by name: the page and the picture.
        force: replace a run that is there.
    """
    import pyarrow.parquet as pq

    check_free(out, force=force)
    with whole_folder(out, replace=force) as part:
        for name, table in (
            ("metrics", result.metrics.to_arrow()),
            ("outcomes", outcomes_to_arrow(result.outcomes)),
            ("warnings", warnings_to_arrow(result.warnings)),
            ("histograms", histograms_to_arrow(result.histograms)),
        ):
            pq.write_table(table, part / f"{name}.parquet", compression="zstd")
        if result.adopters:
            pq.write_table(adopters_to_arrow(result.adopters), part / "adopters.parquet")
        if result.campaign is not None:
            tables = campaign_to_arrow(result.campaign)
            for name, table in zip(("campaign", "campaign_parts"), tables, strict=True):
                pq.write_table(table, part / f"{name}.parquet", compression="zstd")
        text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
        (part / "manifest.json").write_bytes(text.encode())
        for name, data in more.items():
            (part / name).write_bytes(data)
    return out
