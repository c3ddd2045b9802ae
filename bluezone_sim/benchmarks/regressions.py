"""Benchmark results as JSON and as a table, and the comparison with earlier ones."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..errors import FormatError
from ..reading.documents import parse_json
from ..tables.table import Column, Table
from ..tables.words import DASH
from .rounds import BenchmarkResult

#: No figure is so many times another one.
_MOST_RATIO = 1e12


def to_json(measurements: Sequence[BenchmarkResult]) -> str:
    """A list of ``{name, unit, value, extra, …}``, as github-action-benchmark's
    ``customBiggerIsBetter`` reads it."""
    return (
        json.dumps(
            [
                {
                    "name": m.name,
                    "unit": m.unit,
                    "value": round(m.value, 1),
                    "extra": _extra(m),
                    "ratio": None if m.ratio is None else round(m.ratio, 3),
                    "baseline": m.baseline,
                    "peak_memory_mib": round(m.peak_memory_mib, 1),
                }
                for m in measurements
            ],
            indent=1,
        )
        + "\n"
    )


def _extra(m: BenchmarkResult) -> str:
    memory = f"peak memory {m.peak_memory_mib:.0f} MiB"
    return memory if m.ratio is None else f"{m.ratio:.2f} times {m.baseline}; {memory}"


def parse_baseline(data: bytes, source: str) -> dict[str, float]:
    """Ratios by name, of an earlier :func:`to_json`.

    Raises:
        FormatError: it is something else; the entry is named.
    """
    entries = parse_json(data, source)
    if not isinstance(entries, list):
        raise FormatError(f"{source}: expected the list that `bench --json` writes")
    out: dict[str, float] = {}
    for i, entry in enumerate(entries):
        name, ratio = (
            (entry.get("name"), entry.get("ratio")) if isinstance(entry, dict) else (None, None)
        )
        is_ratio = isinstance(ratio, (int, float)) and 0 <= ratio < _MOST_RATIO
        if not isinstance(name, str) or not (ratio is None or is_ratio):
            raise FormatError(f"{source}: entry {i}: expected a name and a ratio")
        if ratio is not None:
            out[name] = float(ratio)
    return out


def regressions(
    measurements: Sequence[BenchmarkResult], baseline: dict[str, float], most: float
) -> list[str]:
    """What fell by more than ``most`` (0.15: 15 %), in words.

    Ratios are compared, not rates, so that a slower machine does not fail.
    """
    out = []
    for m in measurements:
        before = baseline.get(m.name)
        if before is None or m.ratio is None or m.ratio >= before * (1 - most):
            continue
        fell = 100 * (1 - m.ratio / before)
        out.append(
            f"{m.name}: {m.ratio:.2f} times {m.baseline}, was {before:.2f}: {fell:.0f} % less"
        )
    return out


def table(measurements: Sequence[BenchmarkResult]) -> Table:
    """A row a figure."""
    rows = []
    for m in measurements:
        value, unit = scaled(m.value, m.unit)
        ratio = DASH if m.ratio is None else f"{m.ratio:.1f}"
        rows.append((m.name, value, unit, ratio, m.baseline, f"{m.peak_memory_mib:,.0f}"))
    heads = (
        Column("figure", left=True),
        Column("value"),
        Column("", left=True),
        Column("ratio"),
        Column("baseline", left=True, wrap=True),  # the words give way before the numbers do
        Column("peak MiB"),
    )
    return Table("", heads, tuple(rows))


def scaled(value: float, unit: str) -> tuple[str, str]:
    """A rate with its prefix."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g}", f"{prefix} {unit}"
    return f"{value:.3g}", unit
