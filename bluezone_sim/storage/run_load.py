"""Reads run directories back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from ..analysis.adopters import AdopterRow
from ..analysis.arrow import histograms_from_arrow, outcomes_from_arrow
from ..analysis.campaign import CampaignPart, CampaignResult
from ..analysis.epidemic.stored import from_stored
from ..analysis.epidemic.summary import EpidemicResult
from ..analysis.result import Metrics, RunResult, SensitivityRow
from ..files import check_digests, read_document, recover
from ..reading.bounded import reading_as
from ..reading.parquet import arrow
from ..scenario.stored import stored_scenario
from ..tables.levels import CampaignDay, LevelMetrics
from ..tables.platforms import PlatformPair
from ..tables.rows import Warnings
from ..world.trace_summary import TraceInfo


def open_run(
    path: str | Path, passing_over: Callable[[str], bool] = lambda name: False
) -> RunResult:
    """Reads a run directory.

    Args:
        path: of the directory.
        passing_over: files whose damage does not matter, being about to be written anew.

    Raises:
        InputError: there is none.
        FormatError: a file is damaged or missing, or of another schema version.
    """
    path = Path(path)
    recover(path)
    check_digests(path, "run", "manifest.json", partial(_remedy, path), passing_over)
    about = manifest_of(path)
    with reading_as("a run's", path / "manifest.json"):
        return _result(path, about)


def _remedy(path: Path, name: str) -> str:
    if (again := report_again(path, name)) is not None:
        return again
    return "copy the run again from where it came, or run it again with --force"


def report_again(path: Path, name: str) -> str | None:
    """What writes a file anew that `report` has made; None for others."""
    if name == "report.html":
        return f"`bluezone-sim report {path}` writes it anew"
    if name.startswith("figures/"):
        return f"`bluezone-sim report {path} --format {name.rpartition('.')[2]}` writes it anew"
    return None


def manifest_of(path: Path) -> dict[str, Any]:
    """``manifest.json`` of a run directory."""
    return read_document(path / "manifest.json", "a run")


def _result(path: Path, about: dict[str, Any]) -> RunResult:
    document = about["result"]
    warnings = _table(path / "warnings.parquet")
    return RunResult(
        scenario=stored_scenario(about["scenario"], about.get("left_to_protocol", ())),
        seed=about["seed"],
        metrics=Metrics([_level(level) for level in document["levels"]]),
        outcomes=outcomes_from_arrow(_table(path / "outcomes.parquet")),
        warnings=Warnings(**{k: _column(warnings, k) for k in Warnings.__dataclass_fields__}),
        n_risky_pairs=document["risky_pairs"],
        n_f0=document["index_cases"],
        n_f2_cases=document["f2_cases"],
        sensitivity=tuple(
            _row(SensitivityRow, {"left_out": None, **row}) for row in document["sensitivity"]
        ),
        histograms=histograms_from_arrow(_table(path / "histograms.parquet")),
        stages_s=document["stages_s"],
        seconds=document["seconds"],
        peak_memory_mib=document["peak_memory_mib"],
        threads=about["threads"],
        adopters=TypeAdapter(tuple[AdopterRow, ...]).validate_python(document["adopters"]),
        campaign=_campaign(document["campaign"]),
        trace=_trace(document["trace"]),
        epidemic=_epidemic(path, document.get("epidemic")),
    )


def _epidemic(path: Path, given: dict[str, Any] | None) -> EpidemicResult | None:
    """None of a run of an earlier version, too."""
    return None if given is None else from_stored(given, _table(path / "epidemic.parquet"))


def _trace(given: dict[str, Any] | None) -> TraceInfo | None:
    """What was in the trace; earlier versions kept its rows alone, and read its file again."""
    if given is None or "people" not in given:
        return None
    return TypeAdapter(TraceInfo).validate_python(given)


def _campaign(given: dict[str, Any] | None) -> CampaignResult | None:
    if given is None:
        return None
    return CampaignResult(
        days=TypeAdapter(tuple[CampaignDay, ...]).validate_python(given["days"]),
        parts=TypeAdapter(tuple[CampaignPart, ...]).validate_python(given["parts"]),
        brought=tuple(given["brought"].items()),
        n_cases=given["cases"],
    )


def _level(given: dict[str, Any]) -> LevelMetrics:
    """A level; what is no built-in number is a metric that a package brought."""
    known = {name: given.get(name) for name in LevelMetrics.__dataclass_fields__}
    others = {name: value for name, value in given.items() if name not in known}
    level: LevelMetrics = _row(LevelMetrics, {**known, **given, "others": {}})
    # Earlier versions told no platforms.
    pairs = tuple(PlatformPair(**pair) for pair in given.get("platforms", ()))
    return replace(level, others=others, platforms=pairs)


def _row(kind: Any, given: dict[str, Any]) -> Any:
    return kind(
        **{
            name: tuple(v) if isinstance(v := given[name], list) else v
            for name in kind.__dataclass_fields__
        }
    )


def _table(path: Path) -> Any:
    import pyarrow.parquet as pq

    with arrow(path, "a table of a run, or damaged"):
        return pq.read_table(path)


def _column(table: Any, name: str) -> Any:
    return np.ascontiguousarray(table[name].to_numpy())
