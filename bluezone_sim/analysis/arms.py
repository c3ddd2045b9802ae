"""Means over seeds, their intervals, paired differences between arms, and how many seeds are enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tables.levels import LevelMetrics
from ..tables.metrics import COMPARED, NUMBERS
from ..tables.platforms import PAIRS, PlatformPair
from ..tables.stages import OUTCOMES
from .result import Metrics
from .statistics import Mean, mean_of, paired_mean, range_of, seeds_for


@dataclass(frozen=True)
class Arm:
    """One point of the grid over all its seeds.

    Attributes:
        label: its axes and their values, for people.
        rule: name of the rule.
        values: by dotted key.
        seeds: ascending.
        metrics: means over seeds; the ``_ci95`` are intervals over seeds.
        recall_sd: between seeds, one a level.
        by_seed: metric name to ``float64[levels, seeds]``, NaN where undefined or not run.
    """

    label: str
    rule: str
    values: Mapping[str, Any]
    seeds: tuple[int, ...]
    metrics: Metrics
    recall_sd: tuple[float | None, ...]
    by_seed: Mapping[str, NDArray[np.float64]]

    def seeds_for(self, half_width: float) -> int | None:
        """Seeds for which no level's mean recall has an interval that reaches further than a share of
        it; a level that finds nothing asks for none.
        """
        counts = [
            seeds_for(m.recall, sd, half_width)
            for m, sd in zip(self.metrics, self.recall_sd, strict=True)
            if m.recall != 0
        ]
        return max((c for c in counts if c), default=None) if None not in counts else None


class Arms(tuple[Arm, ...]):
    """Arms in the order of the grid."""

    __slots__ = ()

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table``, a row an arm and level: label, rule, axes by dotted key, how many seeds,
        then the means over seeds; intervals and stages are columns of their own."""
        import pyarrow as pa

        tables = []
        for arm in self:
            table = arm.metrics.to_arrow()
            about = {"arm": arm.label, "rule": arm.rule, **arm.values, "seeds": len(arm.seeds)}
            for at, (name, value) in enumerate(about.items()):
                table = table.add_column(at, name, pa.array([value] * len(table)))
            tables.append(table)
        return pa.concat_tables(tables, promote_options="permissive")

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` of :meth:`to_arrow`; needs pandas."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        """A ``polars.DataFrame`` of :meth:`to_arrow`; needs polars."""
        import polars

        return polars.from_arrow(self.to_arrow())


@dataclass(frozen=True)
class Difference:
    """One arm less another, at one level, paired by seed."""

    arm: str
    base: str
    users: int
    adoption_smartphones: float | None
    metric: str
    difference: Mean


def differences(arms: Sequence[Arm], metrics: Sequence[str] = COMPARED) -> list[Difference]:
    """Every arm less the first, by level; both have the same seeds, so the same people and draws."""
    return [d for arm in arms[1:] for d in paired(arms[0], arm, metrics)]


def paired(base: Arm, arm: Arm, metrics: Sequence[str] = COMPARED) -> list[Difference]:
    """``arm`` less ``base`` over the seeds and levels of both; without a common seed, of their means."""
    # Levels are matched by their share of phones: arms may differ in how many there are.
    known = {round(m.place, 9): i for i, m in enumerate(base.metrics)}
    out = []
    for j, level in enumerate(arm.metrics):
        i = known.get(round(level.place, 9))
        if i is None:
            continue
        for name in metrics:
            found = paired_mean(
                dict(zip(arm.seeds, arm.by_seed[name][j], strict=True)),
                dict(zip(base.seeds, base.by_seed[name][i], strict=True)),
                range_of(name, difference=True),
            )
            out.append(
                Difference(
                    arm.label, base.label, level.users, level.adoption_smartphones, name, found
                )
            )
    return out


def arms_of(table: Any, axes: Mapping[str, Sequence[Any]]) -> Arms:
    """Arms in the order of the axes' values.

    Args:
        table: results, a row a task.
        axes: dotted key to its values.
    """
    groups: dict[tuple[int, ...], list[dict[str, Any]]] = {}
    at = order_of(axes)
    for row in table.to_pylist():
        groups.setdefault(at(row), []).append(row)
    return Arms(_arm(axes, groups[k]) for k in sorted(groups))


def order_of(axes: Mapping[str, Sequence[Any]]) -> Callable[[Mapping[str, Any]], tuple[int, ...]]:
    """What gives the place of a row in the grid: the index of its value on each axis."""
    order = {key: {_key(v): i for i, v in enumerate(values)} for key, values in axes.items()}
    return lambda row: tuple(order[key][_key(row[key])] for key in axes)


def _key(value: Any) -> tuple[str, Any]:
    return (type(value).__name__, value)


def _arm(axes: Mapping[str, Sequence[Any]], rows: list[dict[str, Any]]) -> Arm:
    values = {key: rows[0][key] for key in axes}
    seeds = tuple(sorted({row["seed"] for row in rows}))
    users = sorted({row["users"] for row in rows})
    at = {(row["users"], row["seed"]): row for row in rows}
    fields = [f for f in LevelMetrics.__dataclass_fields__ if f not in ("others", "platforms")]
    columns = list(rows[0])
    behind = columns[1 + max(i for i, name in enumerate(columns) if name in NUMBERS) :]
    others = [name for name in behind if not name.startswith(("campaign_", "epidemic_"))]
    numbers = [n for n in columns if n in NUMBERS and not n.endswith(("_ci95_lo", "_ci95_hi"))]
    by_seed = {
        name: np.array([[or_nan(at.get((u, s), {}).get(name)) for s in seeds] for u in users])
        for name in (*numbers, *others)
    }
    levels = []
    for i, u in enumerate(users):
        means = {name: mean_of(x[i], range_of(name)) for name, x in by_seed.items()}
        given: dict[str, Any] = {}
        for name in fields:
            if name == "lost":
                given[name] = {k: means[f"lost_{k}"].mean for k in OUTCOMES[:-1]}
            elif name.endswith("_ci95"):
                given[name] = means[name.removesuffix("_ci95")].ci95
            elif name in means:  # a sweep of an earlier version has fewer
                given[name] = means[name].mean
        given["users"] = u
        given["platforms"] = _platforms(means)
        given["others"] = {name: means[name].mean for name in others}
        levels.append(LevelMetrics(**given))
    return Arm(
        label=label_of(values, rows[0].get("rule", "")),
        rule=rows[0].get("rule", ""),
        values=values,
        seeds=seeds,
        metrics=Metrics(levels),
        recall_sd=tuple(mean_of(x).sd for x in by_seed["recall"]),
        by_seed=by_seed,
    )


def _platforms(means: Mapping[str, Mean]) -> tuple[PlatformPair, ...]:
    """Means by platform of both phones; none of a sweep of an earlier version."""

    def pair(case: str, other: str) -> PlatformPair:
        names = [f for f in PlatformPair.__dataclass_fields__ if f not in ("case", "other", "lost")]
        of = {name: means[f"{name}_{case}_{other}"].mean for name in names}
        lost = {k: means[f"lost_{k}_{case}_{other}"].mean for k in OUTCOMES[:-1]}
        return PlatformPair(case=case, other=other, lost=lost, **of)  # type: ignore[arg-type]

    return tuple(pair(*p) for p in PAIRS) if f"recall_{'_'.join(PAIRS[0])}" in means else ()


def or_nan(value: float | None) -> float:
    """A number for an array; NaN where undefined."""
    return float("nan") if value is None else float(value)


def _last(key: str) -> str:
    """The last part of a dotted key, after the list element that it is of."""
    *rest, last = key.split(".")
    return f"{rest[-1]}.{last}" if rest and rest[-1].endswith("]") else last


def label_of(values: Mapping[str, Any], rule: str = "") -> str:
    """An arm's axes and values, for people: the last part of a key where that says which.

    Args:
        values: by dotted key.
        rule: stands beside a protocol where the rule is no axis itself.
    """
    if not values:
        return "as in the scenario"
    last = [_last(key) for key in values]
    parts = []
    for key, short, value in zip(values, last, values.values(), strict=True):
        text = f"{value:g}" if isinstance(value, float) else str(value)
        name = short if last.count(short) == 1 else key
        if key == "protocol.name" and rule and "rule.name" not in values:
            text += f", rule {rule}"
        parts.append(text if key == "protocol.name" else f"{name} = {text}")
    return ", ".join(parts)
