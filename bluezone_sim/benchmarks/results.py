"""Benchmark results as JSON, as a table, and read again as the baseline of later ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import FormatError
from ..reading.documents import parse_json
from ..tables.table import Column, Table
from .machine import processor, units
from .rounds import BenchmarkResult


def to_json(results: Sequence[BenchmarkResult]) -> str:
    """A list of ``{name, unit, value, range, extra, …}``, as github-action-benchmark's
    ``customBiggerIsBetter`` reads it; ``value`` is the ratio. What threads did is left out: its baseline
    is of one thread, so that its ratio tells of the machine."""
    here = {"processor": processor(), "units": units()}
    entries = [
        {
            "name": r.name,
            "unit": "times the baseline",
            "value": _rounded(r.ratio),
            "range": "{} to {}".format(*map(_rounded, r.interval)),
            "extra": f"{' '.join(scaled(r.rate, r.unit))}; the baseline: {r.baseline}; "
            f"on {here['processor']}, {here['units']}",
            "baseline": r.baseline,
            "rate": _rounded(r.rate),
            "rate_unit": r.unit,
            **here,
        }
        for r in results
        if r.threads == 1
    ]
    return json.dumps(entries, indent=1) + "\n"


def _rounded(x: float) -> float:
    return float(f"{x:.4g}")


@dataclass(frozen=True)
class Baseline:
    """What an earlier :func:`to_json` says.

    Attributes:
        source: the file.
        ratios: by figure.
        processor, units: what it was measured on; None where it does not say.
        ignored: figures of threads, which earlier versions wrote.
    """

    source: str
    ratios: dict[str, float]
    processor: str | None
    units: str | None
    ignored: tuple[str, ...]

    def differences(self) -> list[str]:
        """What is not as it is here, in words."""
        if self.processor is None:
            return [
                f"{self.source} is of an earlier version and does not tell its processor: measure it anew"
            ]
        pairs = (("processor", self.processor, processor()), ("units", self.units, units()))
        return [
            f"{self.source} was measured on another machine: {what} {was}, here {now}; ratios may differ"
            for what, was, now in pairs
            if was != now
        ]


def parse_baseline(data: bytes, source: str) -> Baseline:
    """An earlier :func:`to_json`, also one of a version that wrote rates, and ratios beside them.

    Raises:
        FormatError: it is something else; the entry is named.
    """
    entries = parse_json(data, source)
    if not isinstance(entries, list):
        raise FormatError(f"{source}: expected the list that `bench --json` writes")
    ratios: dict[str, float] = {}
    machines: set[tuple[str | None, str | None]] = set()
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise FormatError(f"{source}: entry {i}: expected a name and a ratio")
        name, ratio = entry.get("name"), entry.get("ratio" if "ratio" in entry else "value")
        machine = entry.get("processor"), entry.get("units")
        if not isinstance(name, str) or not _is_ratio(ratio, optional="ratio" in entry):
            raise FormatError(f"{source}: entry {i}: expected a name and a ratio above 0")
        if not all(m is None or isinstance(m, str) for m in machine):
            raise FormatError(f"{source}: entry {i}: expected processor and units as text")
        if name in ratios:
            raise FormatError(f"{source}: entry {i}: {name} is there twice")
        machines.add(machine)
        if ratio is not None:
            ratios[name] = float(ratio)
    if not ratios:
        raise FormatError(f"{source}: no figure in it")
    if len(machines) > 1:
        raise FormatError(f"{source}: its figures are of several machines; measure them on one")
    threaded = tuple(name for name in ratios if name.endswith(" threads"))
    kept = {name: ratio for name, ratio in ratios.items() if name not in threaded}
    return Baseline(source, kept, *machines.pop(), threaded)


def _is_ratio(value: object, *, optional: bool) -> bool:
    """A number above 0; or nothing, which earlier versions wrote where there was no baseline."""
    if value is None:
        return optional
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e12


def table(results: Sequence[BenchmarkResult]) -> Table:
    """A row a figure."""
    rows = []
    for r in results:
        rate, unit = scaled(r.rate, r.unit)
        interval = "{:.3g}–{:.3g}".format(*r.interval)
        rows.append((r.name, rate, unit, f"{r.ratio:.3g}", interval, r.baseline))
    heads = (
        Column("figure", left=True),
        Column("rate"),
        Column("", left=True),
        Column("times"),
        Column("95 %"),
        Column("its baseline", left=True, wrap=True),  # the words give way before the numbers do
    )
    return Table("", heads, tuple(rows))


def scaled(value: float, unit: str) -> tuple[str, str]:
    """A rate with its prefix."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g}", f"{prefix} {unit}"
    return f"{value:.3g}", unit
