"""Epidemics of a sweep: by point of the grid, the arms over its seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from ...scenario.schema.epidemic import Arm
from ..arms import label_of, order_of
from ..statistics import Mean, mean_of
from .summary import ArmSummary, summaries
from .sums import SUMS, Sums
from .transmission import PUBLISHED

#: Which arm a row is of; arms that differ in any of these are others.
_ARM = ("arm", "level", "finds", "as_many")


@dataclass(frozen=True)
class EpidemicPoint:
    """The epidemic at one point of the grid, over all its seeds.

    Attributes:
        label, values: of the point, as in :class:`..arms.Arm`.
        seeds: ascending.
        arms: summaries over the seeds.
        transmission: means over the seeds by name of :data:`.transmission.PUBLISHED`.
    """

    label: str
    values: Mapping[str, Any]
    seeds: tuple[int, ...]
    arms: tuple[ArmSummary, ...]
    transmission: Mapping[str, Mean]


class EpidemicPoints(Sequence[EpidemicPoint]):
    """Epidemics by point of the grid, in the order of the axes' values."""

    def __init__(self, points: Iterable[EpidemicPoint]):
        self._points = tuple(points)

    @overload
    def __getitem__(self, index: int) -> EpidemicPoint: ...
    @overload
    def __getitem__(self, index: slice) -> EpidemicPoints: ...
    def __getitem__(self, index: int | slice) -> EpidemicPoint | EpidemicPoints:
        if isinstance(index, slice):
            return EpidemicPoints(self._points[index])
        return self._points[index]

    def __len__(self) -> int:
        return len(self._points)

    def records(self) -> list[dict[str, Any]]:
        """A row a point and arm: the axes, how many seeds, and all of :class:`.summary.ArmSummary`, with
        ``_lo`` and ``_hi`` of intervals."""
        return [
            {**point.values, "seeds": len(point.seeds), **arm.flat()}
            for point in self
            for arm in point.arms
        ]

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table`` of :meth:`records`."""
        import pyarrow as pa

        return pa.Table.from_pylist(self.records())

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` of :meth:`to_arrow`; needs pandas."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        """A ``polars.DataFrame`` of :meth:`to_arrow`; needs polars."""
        import polars

        return polars.from_arrow(self.to_arrow())


def points_of(table: Any, axes: Mapping[str, Sequence[Any]]) -> EpidemicPoints:
    """Epidemics over seeds.

    Args:
        table: a row an arm, of any number of points and seeds, from a sweep's jobs; None without.
        axes: dotted key to its values.
    """
    groups: dict[tuple[int, ...], list[dict[str, Any]]] = {}
    at = order_of(axes)
    for row in [] if table is None else table.to_pylist():
        groups.setdefault(at(row), []).append(row)
    return EpidemicPoints(_point(axes, groups[k]) for k in sorted(groups))


def _point(axes: Mapping[str, Sequence[Any]], rows: list[dict[str, Any]]) -> EpidemicPoint:
    values = {key: rows[0][key] for key in axes}
    seeds = sorted({row["seed"] for row in rows})
    # Jobs with other adoption levels have other arms beside the same ones.
    ordered = sorted(rows, key=lambda row: (row["arm_index"], row["task"]))
    by_arm: dict[tuple[Any, ...], dict[int, dict[str, Any]]] = {}
    for row in ordered:
        by_arm.setdefault(tuple(row[name] for name in _ARM), {})[row["seed"]] = row
    # What is not there for all seeds, of a sweep that is not finished, is left out.
    whole = [(key, found) for key, found in by_arm.items() if len(found) == len(seeds)]
    last = {key: max(row["arm_index"] for row in found.values()) for key, found in whole}
    whole.sort(key=lambda pair: last[pair[0]])
    arms = [
        Arm(name=name, level=level, finds=finds, as_many=as_many)
        for (name, level, finds, as_many), _ in whole
    ]
    base = whole[0][1]
    sums = Sums(
        day=base[seeds[0]]["days"],
        seeds=np.array(seeds, np.int64),
        people=np.array([base[seed]["people"] for seed in seeds], np.int64),
        of={
            name: np.array(
                [[found[seed][name] for seed in seeds] for _, found in whole], np.float64
            )
            for name in SUMS
        },
    )
    return EpidemicPoint(
        label=label_of(values, rows[0]["rule"]),
        values=values,
        seeds=tuple(seeds),
        arms=summaries(arms, sums),
        transmission={name: mean_of([base[seed][name] for seed in seeds]) for name in PUBLISHED},
    )
