"""Results as Arrow tables, each with its schema and numeric version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from .._version import NUMERIC_VERSION, SCHEMA_VERSION
from ..tables.levels import LevelMetrics
from ..tables.metrics import names_of, number_of
from ..tables.platforms import NO_PHONE, PLATFORMS
from ..tables.rows import Histogram, Outcomes, Warnings
from ..tables.stages import OUTCOMES
from .adopters import AdopterRow
from .campaign import CampaignResult

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

    columns: dict[str, Any] = {
        "level_index": pa.array(range(len(metrics)), pa.uint8()),
    }
    for name in names_of(metrics):
        kind = pa.int64() if name == "users" else pa.float64()
        columns[name] = pa.array([number_of(m, name) for m in metrics], kind)
    return pa.table(columns, metadata=VERSIONS)


def outcomes_to_arrow(outcomes: Outcomes) -> Any:
    """A row per risky pair and level; ``outcome`` and platforms as words, null without a smartphone."""
    import pyarrow as pa

    columns = _columns(outcomes)
    columns["outcome"] = pa.DictionaryArray.from_arrays(
        outcomes.outcome.astype(np.int8), list(OUTCOMES)
    )
    for name in _PLATFORMS:
        codes = columns[name]
        columns[name] = pa.DictionaryArray.from_arrays(
            pa.array(codes.astype(np.int8), mask=codes == NO_PHONE), list(PLATFORMS)
        )
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
        words = columns[name].cast(pa.string())
        codes = pc.index_in(words, value_set=pa.array(known)).cast(pa.uint8())
        columns[name] = codes.fill_null(NO_PHONE) if name in _PLATFORMS else codes
    return Outcomes(**{k: np.ascontiguousarray(v.to_numpy()) for k, v in columns.items()})


def warnings_to_arrow(warnings: Warnings) -> Any:
    """A row per person warned, case and level."""
    import pyarrow as pa

    return pa.table(_columns(warnings), metadata=VERSIONS)


def histograms_to_arrow(histograms: Sequence[Histogram]) -> Any:
    """A row a bin and series."""
    import pyarrow as pa

    rows: dict[str, list[Any]] = {k: [] for k in ("name", "unit", "series", "low", "high", "count")}
    for h in histograms:
        for series, counts in h.counts.items():
            n = len(counts)
            for key, values in (
                ("name", [h.name] * n),
                ("unit", [h.unit] * n),
                ("series", [series] * n),
                ("low", h.edges[:-1].tolist()),
                ("high", h.edges[1:].tolist()),
                ("count", counts.tolist()),
            ):
                rows[key] += values
    kinds = dict.fromkeys(("name", "unit", "series"), pa.string())
    kinds |= {"low": pa.float64(), "high": pa.float64(), "count": pa.int64()}
    return pa.table({k: pa.array(v, kinds[k]) for k, v in rows.items()}, metadata=VERSIONS)


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
    return {name: getattr(table, name) for name in table.__dataclass_fields__}


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
