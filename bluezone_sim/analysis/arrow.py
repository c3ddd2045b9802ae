"""Results as Arrow tables, each with its schema and numeric version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from .._version import NUMERIC_VERSION, SCHEMA_VERSION
from ..scenario.model import Scenario
from ..tables.arrow_columns import coded, numbers, optional_floats, words
from ..tables.levels import LevelMetrics
from ..tables.metrics import names_of, number_of
from ..tables.platforms import NO_PHONE, PLATFORMS
from ..tables.rows import Histogram, Outcomes, Warnings
from ..tables.stages import OUTCOMES
from .adopters import AdopterRow
from .campaign import CampaignResult
from .epidemic.stored import to_table
from .epidemic.summary import EpidemicResult

#: In the metadata of every Parquet file.
VERSIONS = {
    "bluezone_sim.schema_version": str(SCHEMA_VERSION),
    "bluezone_sim.numeric_version": str(NUMERIC_VERSION),
}

#: Columns of outcomes that name a platform.
_PLATFORMS = ("case_platform", "other_platform")


def metrics_to_arrow(metrics: Sequence[LevelMetrics]) -> Any:
    """A row a level: intervals as ``_lo`` and ``_hi``, stages as ``lost_…``."""
    import pyarrow as pa

    columns: dict[str, Any] = {"level_index": numbers(np.arange(len(metrics), dtype=np.uint8))}
    for name in names_of(metrics):
        values = [number_of(m, name) for m in metrics]
        whole = name == "users"
        columns[name] = numbers(np.array(values, np.int64)) if whole else optional_floats(values)
    return pa.table(columns, metadata=VERSIONS)


def outcomes_to_arrow(outcomes: Outcomes) -> Any:
    """A row per risky pair and level; ``outcome`` and platforms as words, null without a smartphone."""
    import pyarrow as pa

    columns = _columns(outcomes)
    columns["outcome"] = coded(outcomes.outcome, OUTCOMES)
    for name in _PLATFORMS:
        columns[name] = coded(getattr(outcomes, name), PLATFORMS, missing=NO_PHONE)
    return pa.table(columns, metadata=VERSIONS)


def outcomes_from_arrow(table: Any) -> Outcomes:
    """What :func:`outcomes_to_arrow` wrote."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # Earlier versions wrote no platforms.
    missing = pa.nulls(len(table), pa.string())
    columns = {
        name: table[name] if name in table.column_names or name not in _PLATFORMS else missing
        for name in Outcomes.__dataclass_fields__
    }
    for name, known in (("outcome", OUTCOMES), *((n, PLATFORMS) for n in _PLATFORMS)):
        as_text = columns[name].cast(pa.string())
        codes = pc.index_in(as_text, value_set=pa.array(known)).cast(pa.uint8())
        columns[name] = codes.fill_null(NO_PHONE) if name in _PLATFORMS else codes
    return Outcomes(**{k: np.ascontiguousarray(v.to_numpy()) for k, v in columns.items()})


def warnings_to_arrow(warnings: Warnings) -> Any:
    """A row per person warned, case and level."""
    import pyarrow as pa

    return pa.table(_columns(warnings), metadata=VERSIONS)


def histograms_to_arrow(histograms: Sequence[Histogram]) -> Any:
    """A row a bin and series."""
    import pyarrow as pa

    each = [(h, series, counts) for h in histograms for series, counts in h.counts.items()]
    columns: dict[str, Any] = {
        "name": words([h.name for h, _, counts in each for _ in counts]),
        "unit": words([h.unit for h, _, counts in each for _ in counts]),
        "series": words([series for _, series, counts in each for _ in counts]),
        "low": numbers(np.concatenate([h.edges[:-1] for h, _, _ in each])),
        "high": numbers(np.concatenate([h.edges[1:] for h, _, _ in each])),
        "count": numbers(np.concatenate([counts for _, _, counts in each]).astype(np.int64)),
    }
    return pa.table(columns, metadata=VERSIONS)


def histograms_from_arrow(table: Any) -> tuple[Histogram, ...]:
    """What :func:`histograms_to_arrow` wrote; names and series in the order of their first rows."""

    found: dict[tuple[str, str], dict[str, dict[tuple[float, float], int]]] = {}
    for row in table.to_pylist():
        series = found.setdefault((row["name"], row["unit"]), {})
        series.setdefault(row["series"], {})[row["low"], row["high"]] = row["count"]
    out = []
    for (name, unit), by_series in found.items():
        bins = sorted({b for counts in by_series.values() for b in counts})
        out.append(
            Histogram(
                name=name,
                unit=unit,
                edges=np.array([low for low, _ in bins] + [bins[-1][1]]),
                counts={
                    s: np.array([counts.get(b, 0) for b in bins], np.int64)
                    for s, counts in by_series.items()
                },
            )
        )
    return tuple(out)


def _columns(table: Outcomes | Warnings) -> dict[str, Any]:
    return {name: numbers(getattr(table, name)) for name in table.__dataclass_fields__}


def campaign_to_arrow(result: CampaignResult) -> tuple[Any, Any]:
    """``pyarrow.Table``s of days and of parts; the interval as ``_lo`` and ``_hi``."""
    import pyarrow as pa

    days = []
    for row in result.days:
        flat = asdict(row)
        ends = flat.pop("recall_ci95") or (None, None)
        days.append({**flat, "recall_lo": ends[0], "recall_hi": ends[1]})
    parts = [asdict(row) for row in result.parts]
    return tuple(
        pa.Table.from_pylist(rows).replace_schema_metadata(VERSIONS) for rows in (days, parts)
    )


def epidemic_to_arrow(result: EpidemicResult, scenario: Scenario) -> Any:
    """A ``pyarrow.Table``, a row a seed, arm and day."""
    return to_table(result, scenario.date, VERSIONS)


def adopters_to_arrow(rows: Sequence[AdopterRow]) -> Any:
    """A ``pyarrow.Table``, a row a level and arm."""
    import pyarrow as pa

    flat = [
        {
            "level_index": i,
            "arm": arm,
            "users": row.users,
            "adoption_smartphones": row.adoption_smartphones,
            "square_law": row.square_law,
            "recall_square_law": row.recall_square_law,
            "both_have_app": spread.both_have_app,
            "both_have_app_lo": spread.both_have_app_95[0],
            "both_have_app_hi": spread.both_have_app_95[1],
            "recall": spread.recall,
            "recall_lo": spread.recall_95[0],
            "recall_hi": spread.recall_95[1],
        }
        for i, row in enumerate(rows)
        for arm, spread in row.arms.items()
    ]
    return pa.Table.from_pylist(flat).replace_schema_metadata(VERSIONS)
