"""The run directory: written whole beside its place, then moved there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..analysis.arrow import (
    adopters_to_arrow,
    campaign_to_arrow,
    epidemic_to_arrow,
    histograms_to_arrow,
    outcomes_to_arrow,
    warnings_to_arrow,
)
from ..errors import FormatError, InputError
from ..files import (
    DIGESTS,
    check_place,
    in_words,
    named,
    others_in,
    read_digests,
    recover,
    remove_leftovers,
    whole_folder,
)
from ..reading.documents import read_json

if TYPE_CHECKING:
    from ..analysis.result import RunResult


#: What earlier versions wrote, which had no list of their files.
_EARLIER = frozenset(
    (
        "adopters.parquet",
        "adoption.png",
        "campaign.parquet",
        "campaign_parts.parquet",
        "histograms.parquet",
        "manifest.json",
        "metrics.parquet",
        "outcomes.parquet",
        "report.html",
        "warnings.parquet",
    )
)
#: Keys that every manifest has had.
_MANIFEST = {"schema_version", "bluezone_sim", "scenario", "seed", "result"}


def check_free(out: Path, *, force: bool) -> None:
    """Raises InputError if a run may not be written to ``out``; called before the work starts.

    A folder is replaced only where all that it holds was written by the program: with files of others
    in it, it is refused, since they are likely to be about the run that would go.
    """
    check_place(out)
    recover(out)
    if os.path.exists(out) and not force:
        raise InputError(f"{out}: exists already; give --force to replace it, or another --out")
    if os.path.exists(out):
        if not out.is_dir():
            raise InputError(f"{out}: is a file; expected the name of a directory")
        remove_leftovers(out)
        _check_own(out, out)


def _check_own(out: Path, folder: Path) -> None:
    """Raises InputError where a folder, which ``out`` stands for, is no run or holds more than that."""
    with named(out):
        if not any(folder.iterdir()):
            return
        try:
            listed = read_digests(folder)
        except FormatError:
            listed = None
        if listed is not None and listed.holds != "run":
            raise InputError(f"{out}: holds {listed.what} and no run, so it is not replaced")
        if listed is None and not _has_manifest(folder):
            raise InputError(
                f"{out}: holds no run (no manifest.json of this program), so it is not replaced"
            )
        ours = {*_EARLIER, DIGESTS} if listed is None else listed.names
        if others := others_in(folder, ours):
            raise InputError(
                f"{out}: holds {in_words(others)}, which no run has written, so it is not replaced; move "
                "it away, or give another --out"
            )


def _has_manifest(folder: Path) -> bool:
    try:
        return bool(read_json(folder / "manifest.json").keys() >= _MANIFEST)
    except (InputError, AttributeError):
        return False


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
    may_go = partial(_check_own, out) if force else None
    with whole_folder(out, "run", replace=may_go) as part:
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
        if result.epidemic is not None:
            table = epidemic_to_arrow(result.epidemic, result.scenario)
            pq.write_table(table, part / "epidemic.parquet", compression="zstd")
        text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
        (part / "manifest.json").write_bytes(text.encode())
        for name, data in more.items():
            (part / name).write_bytes(data)
    return out
