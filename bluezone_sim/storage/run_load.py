"""Reads run directories back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from ..analysis.adopters import AdopterRow
from ..analysis.campaign import CampaignPart, CampaignResult
from ..analysis.result import Metrics, Result, SensitivityRow
from ..errors import FormatError, InputError
from ..files import read_document
from ..scenario.loading import stored_scenario
from ..tables.metrics import CampaignDay, LevelMetrics
from ..tables.rows import Warnings
from .arrow import histograms_from_arrow, outcomes_from_arrow

if TYPE_CHECKING:
    from ..analysis.sweep import Sweep


def open_any(path: str | Path) -> Result | Sweep:
    """A run or a sweep by its directory.

    Raises:
        InputError: it is neither, or cannot be read.
    """
    path = Path(path)
    if (path / "sweep.json").exists():
        from ..sweeping.sweep import open_sweep

        return open_sweep(path)
    if (path / "manifest.json").exists():
        return open_run(path)
    what = "no such directory" if not path.is_dir() else "holds no run and no sweep"
    raise InputError(f"{path}: {what}; expected what `run` or `sweep` has written")


def open_run(path: str | Path) -> Result:
    """Reads a run directory.

    Raises:
        InputError: there is none.
        FormatError: a file is damaged, or of another schema version.
    """
    path = Path(path)
    about = manifest_of(path)
    try:
        return _result(path, about)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path / 'manifest.json'}: not a run's ({error!r:.200})") from None


def manifest_of(path: Path) -> dict[str, Any]:
    """``manifest.json`` of a run directory."""
    return read_document(path / "manifest.json", "a run")


def _result(path: Path, about: dict[str, Any]) -> Result:
    document = about["result"]
    warnings = _table(path / "warnings.parquet")
    return Result(
        scenario=stored_scenario(about["scenario"]),
        seed=about["seed"],
        metrics=Metrics([_row(LevelMetrics, level) for level in document["levels"]]),
        outcomes=outcomes_from_arrow(_table(path / "outcomes.parquet")),
        warnings=Warnings(**{k: _column(warnings, k) for k in Warnings.__dataclass_fields__}),
        n_risky_pairs=document["risky_pairs"],
        n_f0=document["index_cases"],
        n_f2_cases=document["f2_cases"],
        sensitivity=tuple(_row(SensitivityRow, row) for row in document["sensitivity"]),
        histograms=histograms_from_arrow(_table(path / "histograms.parquet")),
        stages_s=document["stages_s"],
        seconds=document["seconds"],
        peak_memory_mib=document["peak_memory_mib"],
        threads=about["threads"],
        adopters=TypeAdapter(tuple[AdopterRow, ...]).validate_python(document["adopters"]),
        campaign=_campaign(document["campaign"]),
    )


def _campaign(given: dict[str, Any] | None) -> CampaignResult | None:
    if given is None:
        return None
    return CampaignResult(
        days=TypeAdapter(tuple[CampaignDay, ...]).validate_python(given["days"]),
        parts=TypeAdapter(tuple[CampaignPart, ...]).validate_python(given["parts"]),
        brought=tuple(given["brought"].items()),
        n_cases=given["cases"],
    )


def _row(kind: Any, given: dict[str, Any]) -> Any:
    return kind(
        **{
            name: tuple(v) if isinstance(v := given[name], list) else v
            for name in kind.__dataclass_fields__
        }
    )


def _table(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error})") from None
    except pa.ArrowException as error:
        raise FormatError(f"{path}: damaged ({error})") from None


def _column(table: Any, name: str) -> Any:
    return np.ascontiguousarray(table[name].to_numpy())
